//! Writes the history file while the run goes on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Entry, Event};

/// Why the history of a run is not complete. The run cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be created.
    #[error("cannot create the history {path}: {source}")]
    Create {
        /// The history file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An entry could not be written; nothing after it was.
    #[error("cannot write entry {entry} of the history: {source}")]
    Write {
        /// Counted from 1.
        entry: u64,
        /// Why, such as a full disk.
        source: std::io::Error,
    },
    /// Somebody recorded after `finish`, or finished twice.
    #[error("the history was already finished")]
    Finished,
}

/// Appends entries, each stamped with the recorder's own monotonic clock.
///
/// Clones write to the same file. The stamp is taken under the lock, so that file order is time order: what was
/// recorded first happened first, which the real-time rules of the checkers rest on.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Mutex<Writer<BufWriter<File>>>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// Hears each entry while it is recorded, and holds up all who record: it must not be slow.
pub type Hearer = Box<dyn Fn(&Entry) + Send>;

struct Writer<W> {
    out: Option<W>,
    hearer: Option<Hearer>,
    began: Instant,
    began_at: SystemTime,
    written: u64,
    /// The first error; kept until `finish` asks, because those who record cannot do anything about it.
    failed: Option<RecordError>,
}

impl Recorder {
    /// Creates the file, which must not be there yet: what is recorded is evidence. The clock starts here.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let file = File::create_new(path).map_err(|source| RecordError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            shared: Arc::new(Mutex::new(Writer::new(BufWriter::new(file)))),
        })
    }

    /// Has somebody hear what is recorded from now on, in its order.
    pub fn heard_by(&self, hearer: Hearer) {
        self.lock().hearer = Some(hearer);
    }

    /// Appends one event. An error is kept for [`Recorder::finish`].
    pub fn record(&self, event: Event) {
        self.lock().record(event);
    }

    /// Hands what is buffered to the operating system: called now and then, so that a killed lab leaves its history.
    pub fn flush(&self) {
        self.lock().flush();
    }

    /// Microseconds since the run began, by the clock that stamps the entries.
    pub fn now_us(&self) -> u64 {
        self.lock().now_us()
    }

    /// The wall clock when the run began, in microseconds since the Unix epoch.
    pub fn began_at_us(&self) -> i64 {
        let since = self.lock().began_at.duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }

    /// Appends [`Event::Ended`], writes everything to the disk and says whether anything was lost on the way. Any
    /// error means that the run is an error, whatever its checkers would say.
    pub fn finish(&self) -> Result<(), RecordError> {
        let mut writer = self.lock();
        writer.record(Event::Ended);
        let entry = writer.written;
        let file = writer.close()?;
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .map_err(|source| RecordError::Write { entry, source })
    }

    fn lock(&self) -> MutexGuard<'_, Writer<BufWriter<File>>> {
        // A writer is never left half-changed by a panic: at worst its last line is torn, which the reader reports.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Writer<W> {
    fn new(out: W) -> Self {
        Self {
            out: Some(out),
            hearer: None,
            began: Instant::now(),
            began_at: SystemTime::now(),
            written: 0,
            failed: None,
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn record(&mut self, event: Event) {
        let at_us = self.now_us();
        let entry = Entry { at_us, event };
        self.written += 1;
        if let Some(hears) = &self.hearer {
            hears(&entry);
        }
        self.attempt(|out| {
            serde_json::to_writer(&mut *out, &entry)?;
            out.write_all(b"\n")
        });
    }

    fn flush(&mut self) {
        self.attempt(Write::flush);
    }

    fn attempt(&mut self, write: impl FnOnce(&mut W) -> std::io::Result<()>) {
        if self.failed.is_some() {
            return;
        }
        let Some(out) = &mut self.out else {
            self.failed = Some(RecordError::Finished);
            return;
        };
        let entry = self.written;
        self.failed = write(out)
            .map_err(|source| RecordError::Write { entry, source })
            .err();
    }

    fn close(&mut self) -> Result<W, RecordError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.take().ok_or(RecordError::Finished),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FullDisk;

    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_surfaces_at_the_end() {
        let mut writer = Writer::new(FullDisk);
        writer.record(Event::Healed);
        writer.flush();
        writer.record(Event::Ended);
        let error = writer.close().err().expect("the write error").to_string();
        assert!(error.starts_with("cannot write entry 1 "), "{error}");
    }

    #[test]
    fn clones_write_one_ordered_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path).expect("a recorder");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let recorder = recorder.clone();
                scope.spawn(move || (0..250).for_each(|_| recorder.record(Event::Healed)));
            }
        });
        recorder.flush();
        recorder.finish().expect("everything written");
        assert!(matches!(recorder.finish(), Err(RecordError::Finished)));

        let history = super::super::read(&path).expect("a history");
        assert_eq!(history.entries().len(), 1001);
        assert!(history.entries().is_sorted_by_key(|entry| entry.at_us));
        assert_eq!(history.cut_short(), None);
    }

    #[test]
    fn evidence_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "evidence").unwrap();
        let said = Recorder::create(&path).unwrap_err().to_string();
        assert!(said.starts_with("cannot create the history"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "evidence");
    }
}

//! Where frames of AMQP 0-9-1 begin and end.

use amq_protocol::frame::{AMQPFrame, parse_frame};

use super::super::{LONGEST, Lost};

/// What a client sends before its first frame.
pub(super) const GREETING: usize = 8;
/// Type, channel, size; then the payload and the end octet.
const HEAD: usize = 7;
const END: u8 = 0xCE;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const BASIC: u16 = 60;
/// Publish, return, deliver, get-ok.
const WITH_CONTENT: [u16; 4] = [40, 50, 60, 71];
/// No broker negotiates a larger frame: a size beyond it is no size.
const MOST: usize = 16 << 20;

/// A frame.
pub(super) struct Frame<'b> {
    kind: u8,
    channel: u16,
    pub payload: &'b [u8],
    /// From its type to its end octet.
    pub length: usize,
    all: &'b [u8],
}

impl<'b> Frame<'b> {
    /// The first frame, if it is all there.
    pub fn first(bytes: &'b [u8]) -> Result<Option<Self>, Lost> {
        let Some(size) = bytes.get(3..HEAD).and_then(|size| size.try_into().ok()) else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(size) as usize;
        if size > MOST {
            return Err(Lost::Opaque);
        }
        let length = HEAD + size + 1;
        let Some(all) = bytes.get(..length) else {
            return Ok(None);
        };
        if all[length - 1] != END {
            return Err(Lost::Opaque);
        }
        Ok(Some(Self {
            kind: all[0],
            channel: u16::from_be_bytes([all[1], all[2]]),
            payload: &all[HEAD..HEAD + size],
            length,
            all,
        }))
    }

    /// As a library reads it; none if it cannot.
    pub fn parsed(&self) -> Option<AMQPFrame> {
        parse_frame(self.all).ok().map(|(_, frame)| frame)
    }

    fn has_content(&self) -> bool {
        let number = |at: usize| {
            let two = self.payload.get(at..at + 2)?.try_into().ok()?;
            Some(u16::from_be_bytes(two))
        };
        self.kind == METHOD
            && number(0) == Some(BASIC)
            && number(2).is_some_and(|method| WITH_CONTENT.contains(&method))
    }
}

/// Where the content of the first frame ends, or that frame itself if it has none; none while it is not all there. A content
/// that is too long to be kept passes as it comes.
pub(super) fn content_ends(bytes: &[u8], first: &Frame<'_>) -> Result<Option<usize>, Lost> {
    if !first.has_content() {
        return Ok(Some(first.length));
    }
    let mut at = first.length;
    let mut to_come: Option<usize> = None;
    while to_come != Some(0) {
        let Some(frame) = Frame::first(&bytes[at..])? else {
            return Ok((bytes.len() > LONGEST).then_some(first.length));
        };
        at += frame.length;
        if frame.channel != first.channel {
            continue;
        }
        match (frame.kind, &mut to_come) {
            (HEADER, to_come @ None) => {
                let size = frame
                    .payload
                    .get(4..12)
                    .and_then(|size| size.try_into().ok());
                let size = size.map(u64::from_be_bytes).ok_or(Lost::Opaque)?;
                let size = usize::try_from(size).map_err(|_| Lost::Opaque)?;
                if size > LONGEST {
                    return Ok(Some(first.length));
                }
                *to_come = Some(size);
            }
            (BODY, Some(to_come)) => *to_come = to_come.saturating_sub(frame.payload.len()),
            // The channel was closed in the middle of it.
            _ => return Ok(Some(first.length)),
        }
    }
    Ok(Some(at))
}

//! Frames of AMQP 0-9-1: where each begins and ends, and what stands at its fixed places.

use amq_protocol::frame::{AMQPFrame, parse_frame};

/// What a client sends before its first frame.
pub(super) const GREETING: usize = 8;
/// Type, channel, size; then the payload and the end octet.
const HEAD: usize = 7;
pub(super) const END: u8 = 0xCE;
pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
/// The one settlement that never means several deliveries.
pub(super) const REJECT: (u16, u16) = (60, 90);
/// No broker negotiates a larger frame: a size beyond it is no size.
const MOST: usize = 16 << 20;

/// A frame.
pub(super) struct Frame<'b> {
    /// Its type.
    pub kind: u8,
    /// Its channel.
    pub channel: u16,
    /// What is in it.
    pub payload: &'b [u8],
    /// From its type to its end octet.
    pub all: &'b [u8],
}

/// What came was not AMQP: its boundaries are lost for good.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoFrame;

impl<'b> Frame<'b> {
    /// The first frame, if it is all there.
    pub fn first(bytes: &'b [u8]) -> Result<Option<Self>, NoFrame> {
        let Some(size) = bytes.get(3..HEAD).and_then(|size| size.try_into().ok()) else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(size) as usize;
        if size > MOST {
            return Err(NoFrame);
        }
        let Some(all) = bytes.get(..HEAD + size + 1) else {
            return Ok(None);
        };
        if all[HEAD + size] != END {
            return Err(NoFrame);
        }
        Ok(Some(Self {
            kind: all[0],
            channel: u16::from_be_bytes([all[1], all[2]]),
            payload: &all[HEAD..HEAD + size],
            all,
        }))
    }

    /// As a library reads it; none if it cannot.
    pub fn parsed(&self) -> Option<AMQPFrame> {
        parse_frame(self.all).ok().map(|(_, frame)| frame)
    }

    /// Class and method, if it is one.
    pub fn method(&self) -> Option<(u16, u16)> {
        let ids: [u8; 4] = self.payload.get(..4)?.try_into().ok()?;
        (self.kind == METHOD).then_some((
            u16::from_be_bytes([ids[0], ids[1]]),
            u16::from_be_bytes([ids[2], ids[3]]),
        ))
    }

    /// The number of eight octets at a place of the payload.
    pub fn number(&self, at: usize) -> Option<u64> {
        let bytes = self.payload.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    }

    /// Whether a publish is to come back where it is routed nowhere: a bit behind its exchange and its key, short strings
    /// both.
    pub fn is_mandatory(&self) -> bool {
        let behind = |at: usize| {
            let length = self.payload.get(at)?;
            Some(at + 1 + usize::from(*length))
        };
        let bits = behind(6).and_then(behind);
        bits.and_then(|at| self.payload.get(at))
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// The delivery tag of an ack, a nack or a reject, and whether all before it are meant, too.
    pub fn settled(&self, method: (u16, u16)) -> (u64, bool) {
        let bits = self.payload.get(12).copied().unwrap_or(0);
        let multiple = method != REJECT && bits & 1 == 1;
        (self.number(4).unwrap_or(0), multiple)
    }
}

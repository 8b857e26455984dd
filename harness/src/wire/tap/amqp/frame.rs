//! Where frames of AMQP 0-9-1 begin and end.

/// Type, channel, size; then the payload and the end octet.
const HEAD: usize = 7;
pub(super) const END: u8 = 0xCE;
pub(super) const METHOD: u8 = 1;
/// The one settlement that never means several deliveries.
pub(super) const REJECT: (u16, u16) = (60, 90);
/// No broker negotiates a larger frame: a size beyond it is no size.
const MOST: usize = 16 << 20;

/// One direction's bytes that are no whole frame yet.
#[derive(Default)]
pub(super) struct Frames {
    pending: Vec<u8>,
    /// What came was not AMQP: its boundaries are lost for good.
    lost: bool,
}

/// A frame.
pub(super) struct Frame<'b> {
    /// Its type.
    pub kind: u8,
    /// Its channel.
    pub channel: u16,
    /// What is in it.
    pub payload: &'b [u8],
}

impl Frames {
    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.lost {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Passes over what is no frame. False while it is not all there.
    pub fn skip(&mut self, bytes: usize) -> bool {
        let there = self.pending.len() >= bytes;
        if there {
            self.pending.drain(..bytes);
        }
        there
    }

    /// Takes every frame that is whole by now.
    pub fn each(&mut self, mut take: impl FnMut(Frame<'_>)) {
        let mut from = 0;
        while !self.lost {
            let rest = &self.pending[from..];
            let Some(size) = rest.get(3..HEAD).and_then(|size| size.try_into().ok()) else {
                break;
            };
            let size = u32::from_be_bytes(size) as usize;
            if size > MOST {
                self.lost = true;
                break;
            }
            let Some(end) = rest.get(HEAD + size) else {
                break;
            };
            self.lost = *end != END;
            if !self.lost {
                take(Frame {
                    kind: rest[0],
                    channel: u16::from_be_bytes([rest[1], rest[2]]),
                    payload: &rest[HEAD..HEAD + size],
                });
            }
            from += HEAD + size + 1;
        }
        if self.lost {
            self.pending.clear();
        } else {
            self.pending.drain(..from);
        }
    }
}

impl Frame<'_> {
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

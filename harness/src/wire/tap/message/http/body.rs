//! How a message's body ends, and what of it comes behind its head (RFC 9112 §6.3).

use httparse::{Header, Status};

use super::super::{LONGEST, Opaque};

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// After so many bytes.
    Length(usize),
    /// After its last chunk.
    Chunked,
    /// With its connection.
    Endless,
    /// Nothing says how: a request has none then, and a response ends with its connection.
    Unsaid,
}

impl Body {
    pub fn of(headers: &[Header<'_>]) -> Result<Self, Opaque> {
        // Lines of one name are one list (RFC 9110 §5.3), of which the last coding is on the last.
        let said = |name: &str| {
            let mut all = headers.iter().rev();
            let found = all.find(|header| header.name.eq_ignore_ascii_case(name))?;
            Some(std::str::from_utf8(found.value).map_err(|_| Opaque))
        };
        if let Some(codings) = said("transfer-encoding").transpose()? {
            let last = codings.rsplit(',').next().unwrap_or_default().trim();
            return Ok(match last.eq_ignore_ascii_case("chunked") {
                true => Self::Chunked,
                false => Self::Endless,
            });
        }
        match said("content-length").transpose()? {
            None => Ok(Self::Unsaid),
            Some(length) => length.trim().parse().map(Self::Length).map_err(|_| Opaque),
        }
    }

    /// How much of it belongs to the message whose head is so long, and what follows behind that.
    pub fn parts(self, head: usize) -> (usize, Rest) {
        match self {
            Self::Length(length) if head.saturating_add(length) <= LONGEST => (length, Rest::None),
            Self::Length(length) => (0, Rest::Left(length as u64)),
            Self::Chunked => (0, Rest::Chunks),
            Self::Endless | Self::Unsaid => (0, Rest::All),
        }
    }
}

/// What of a body is still to come behind its head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: a head is next.
    #[default]
    None,
    /// So many bytes.
    Left(u64),
    /// A chunk's size, and all behind it.
    Chunks,
    /// So many bytes of a chunk, and all behind them.
    Chunk(u64),
    /// Lines, up to one that is empty.
    Trailers,
    /// Everything.
    All,
}

const END: &[u8] = b"\r\n";

impl Rest {
    /// How many of these bytes are the next part of it; nothing while it is not all there.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<usize>, Opaque> {
        let (length, rest) = match *self {
            Self::None => return Ok(None),
            Self::All => (bytes.len(), Self::All),
            Self::Left(left) | Self::Chunk(left) => {
                let here = left.min(bytes.len() as u64);
                let (more, end): (fn(u64) -> Self, _) = match self {
                    Self::Chunk(_) => (Self::Chunk, Self::Chunks),
                    _ => (Self::Left, Self::None),
                };
                let rest = match left - here {
                    0 => end,
                    left => more(left),
                };
                (here as usize, rest)
            }
            Self::Chunks => match httparse::parse_chunk_size(bytes) {
                Ok(Status::Complete((line, 0))) => (line, Self::Trailers),
                Ok(Status::Complete((line, size))) => {
                    let left = size.checked_add(END.len() as u64).ok_or(Opaque)?;
                    (line, Self::Chunk(left))
                }
                Ok(Status::Partial) if bytes.len() < LONGEST => return Ok(None),
                Ok(Status::Partial) | Err(_) => return Err(Opaque),
            },
            Self::Trailers => match bytes.windows(END.len()).position(|at| at == END) {
                Some(0) => (END.len(), Self::None),
                Some(line) => (line + END.len(), Self::Trailers),
                None if bytes.len() < LONGEST => return Ok(None),
                None => return Err(Opaque),
            },
        };
        *self = rest;
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], step: usize) -> (usize, Rest) {
        let (mut rest, mut read, mut there) = (Rest::Chunks, 0, 0);
        while there < bytes.len() && rest != Rest::None {
            there = (there + step).min(bytes.len());
            while let Some(length) = rest.next(&bytes[read..there]).expect("chunks") {
                read += length;
                if length == 0 || read == there {
                    break;
                }
            }
        }
        (read, rest)
    }

    #[test]
    fn chunks_end_with_an_empty_one_however_they_come() {
        let body = b"4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\nTrailer: x\r\n\r\n";
        let followed = [&body[..], b"HTTP/1.1 200 OK"].concat();
        for step in 1..=followed.len() {
            assert_eq!(read(&followed, step), (body.len(), Rest::None), "{step}");
        }
    }

    #[test]
    fn a_chunk_goes_on_as_it_comes_and_not_when_it_is_whole() {
        let mut rest = Rest::Chunks;
        assert_eq!(rest.next(b"10000000\r\n"), Ok(Some(10)));
        assert_eq!(rest.next(b"data: 1\n\n"), Ok(Some(9)));
        assert_eq!(rest, Rest::Chunk(0x1000_0000 + 2 - 9));
    }

    #[test]
    fn what_is_no_size_is_opaque() {
        assert_eq!(Rest::Chunks.next(b"HTTP/1.1"), Err(Opaque));
        assert_eq!(Rest::Chunks.next(b"ffffffffffffffff\r\n"), Err(Opaque));
    }
}

//! Postgres messages of a client: where each begins, and which ask for something.

const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// Type and length; the first messages of a connection have no type.
const HEAD: usize = 5;

/// One connection.
#[derive(Default)]
pub(super) struct Postgres {
    started: bool,
    /// Bytes of a message's head, so far.
    head: Vec<u8>,
    /// Bytes of the message's body that are still to come.
    skip: usize,
    encryption: Encryption,
}

#[derive(Default, PartialEq)]
enum Encryption {
    #[default]
    NotAsked,
    Asked,
    On,
}

impl Postgres {
    /// How many statements are in these bytes of the client: queries, executions, and the start of a session. Preparing,
    /// binding and synchronising ask for nothing by themselves, and a pool's ping is only a synchronisation.
    pub fn requests(&mut self, bytes: &[u8]) -> u64 {
        let mut statements = 0;
        let mut rest = bytes;
        // Nothing inside can be told apart: whatever is sent asks.
        if self.encryption == Encryption::On {
            return 1;
        }
        while !rest.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(rest.len());
                (self.skip, rest) = (self.skip - skipped, &rest[skipped..]);
                continue;
            }
            self.head.push(rest[0]);
            rest = &rest[1..];
            statements += u64::from(self.begins());
        }
        statements
    }

    /// Bytes of the server: only whether it agreed to encrypt is told by them.
    pub fn replies(&mut self, bytes: &[u8]) {
        if self.encryption == Encryption::Asked {
            self.encryption = match bytes.first() {
                Some(b'S' | b'G') => Encryption::On,
                _ => Encryption::NotAsked,
            };
        }
    }

    /// Whether the head is whole now, and of a message that asks.
    fn begins(&mut self) -> bool {
        if !self.started {
            let Ok(head) = <[u8; 8]>::try_from(self.head.as_slice()) else {
                return false;
            };
            let [length, code] = [0, 4]
                .map(|at| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
            self.head.clear();
            self.skip = (length as usize).saturating_sub(head.len());
            if matches!(code, SSL | GSS) {
                self.encryption = Encryption::Asked;
                return false;
            }
            self.started = true;
            return true;
        }
        if self.head.len() < HEAD {
            return false;
        }
        let length = [self.head[1], self.head[2], self.head[3], self.head[4]];
        self.skip = (u32::from_be_bytes(length) as usize).saturating_sub(HEAD - 1);
        let asks = matches!(self.head[0], b'Q' | b'E' | b'F');
        self.head.clear();
        asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend(body);
        message
    }

    fn started() -> Postgres {
        let mut postgres = Postgres::default();
        let startup = [&[0, 0, 0, 13, 0, 3, 0, 0][..], &b"user\0"[..]].concat();
        assert_eq!(postgres.requests(&startup), 1);
        postgres
    }

    #[test]
    fn a_statement_counts_once_however_it_is_cut_and_a_ping_counts_as_none() {
        let extended = [
            message(b'P', b"\0SELECT 'E'\0\0\0"),
            message(b'B', b"EEEE"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ]
        .concat();
        assert_eq!(started().requests(&extended), 1);
        let mut postgres = started();
        let cut: u64 = extended
            .iter()
            .map(|byte| postgres.requests(&[*byte]))
            .sum();
        assert_eq!(cut, 1);
        assert_eq!(postgres.requests(&message(b'Q', b"BEGIN\0")), 1);
        assert_eq!(postgres.requests(&message(b'S', b"")), 0);
    }

    #[test]
    fn a_server_that_does_not_encrypt_is_read_on_and_one_that_does_is_not() {
        let ssl = [&8u32.to_be_bytes()[..], &SSL.to_be_bytes()[..]].concat();
        let startup = [0, 0, 0, 8, 0, 3, 0, 0];
        let mut plain = Postgres::default();
        assert_eq!(plain.requests(&ssl), 0);
        plain.replies(b"N");
        assert_eq!(plain.requests(&startup), 1);
        assert_eq!(plain.requests(&message(b'S', b"")), 0);
        let mut encrypted = Postgres::default();
        encrypted.requests(&ssl);
        encrypted.replies(b"S");
        assert_eq!(encrypted.requests(&[0x17, 3, 3, 0, 0]), 1);
    }
}

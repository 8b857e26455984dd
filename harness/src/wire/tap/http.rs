//! HTTP/1.1 requests: where each begins.

/// A head longer than this is none that a client of the lab sends.
const LONGEST_HEAD: usize = 64 * 1024;

/// One connection.
#[derive(Default)]
pub(super) struct Http {
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    skip: usize,
}

impl Http {
    /// How many heads end in these bytes of the client.
    pub fn requests(&mut self, bytes: &[u8]) -> u64 {
        let mut requests = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(rest.len());
                (self.skip, rest) = (self.skip - skipped, &rest[skipped..]);
                continue;
            }
            self.head.push(rest[0]);
            rest = &rest[1..];
            if self.head.ends_with(b"\r\n\r\n") {
                requests += 1;
                self.skip = length(&self.head);
                self.head.clear();
            } else if self.head.len() > LONGEST_HEAD {
                self.head.clear();
            }
        }
        requests
    }
}

/// The body's length, as the head says it.
fn length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head);
    let said = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    said.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_when_its_head_is_whole_and_its_body_is_passed_over() {
        let two =
            b"POST /a HTTP/1.1\r\nContent-Length: 8\r\n\r\n\r\n\r\nbodyGET /b HTTP/1.1\r\n\r\n";
        assert_eq!(Http::default().requests(two), 2);
        let mut http = Http::default();
        let cut: u64 = two.iter().map(|byte| http.requests(&[*byte])).sum();
        assert_eq!(cut, 2);
    }
}

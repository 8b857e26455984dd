//! Which RabbitMQ this is. The broker says so before anybody logs in, but the client library keeps it to itself: the first
//! two steps of a handshake are made by hand, and no third.

use std::io;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use lapin::types::parsing::parse_field_table;

use super::{BrokerAddress, line, text_of};

const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// Type, channel and size of a frame.
const FRAME_HEADER: usize = 7;
/// Class, method and protocol version of `connection.start`, before the server's properties.
const START_HEADER: usize = 6;
/// More than any broker says of itself.
const LONGEST_START: usize = 64 * 1024;

/// The broker's major version, if it says one.
pub(super) async fn major(address: &BrokerAddress) -> io::Result<Option<u32>> {
    let mut stream = line::dial(address, |_| Ok(())).await?;
    stream.write_all(PROTOCOL_HEADER).await?;
    stream.flush().await?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await?;
    let [_, _, _, size @ ..] = header;
    let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if !(START_HEADER..=LONGEST_START).contains(&size) {
        return Ok(None);
    }
    let mut start = vec![0; size];
    stream.read_exact(&mut start).await?;
    Ok(start.get(START_HEADER..).and_then(of_properties))
}

fn of_properties(bytes: &[u8]) -> Option<u32> {
    let (_, properties) = parse_field_table(bytes).ok()?;
    let version = text_of(properties.inner().get("version")?)?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_among_the_properties() {
        let table =
            b"\x00\x00\x00\x25\x07productS\x00\x00\x00\x04Bugs\x07versionS\x00\x00\x00\x064.0.12";
        let length = table.len() - 4;
        let mut table = table.to_vec();
        table[3] = u8::try_from(length).expect("short");
        assert_eq!(of_properties(&table), Some(4));
        assert_eq!(of_properties(&[0, 0, 0, 0]), None);
        assert_eq!(of_properties(b"\xff"), None);
    }
}

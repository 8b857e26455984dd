//! Whose a connection is: the kernel's table of sockets, and the open files of processes, read from `/proc`.

use std::{
    collections::{HashMap, HashSet},
    fs,
    net::{IpAddr, SocketAddr},
};

use nix::unistd::Pid;

use crate::os::table;

/// The ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ends {
    /// The port at the process that was asked for.
    pub local: u16,
    /// Whom it speaks to.
    pub remote: SocketAddr,
}

/// The connections of process groups, each with those of its descendants. Of processes that this user may not look into,
/// none.
pub fn connections_of(leaders: &[i32]) -> Vec<HashSet<Ends>> {
    let connections = connections();
    let families = table::families(leaders).into_iter();
    let theirs = families.map(|family| {
        let sockets = family.into_iter().flat_map(open_sockets);
        sockets
            .filter_map(|inode| connections.get(&inode).copied())
            .collect()
    });
    theirs.collect()
}

/// Every TCP connection of this machine's network, by the inode of its socket.
fn connections() -> HashMap<u64, Ends> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let tables = tables.into_iter().flatten();
    tables
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(connected)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What a line such as `0: 0100007F:1538 0100007F:C350 01 … inode …` says, if that socket is connected.
fn connected(line: &str) -> Option<(u64, Ends)> {
    const ESTABLISHED: &str = "01";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, remote, ESTABLISHED, _, _, _, _, _, inode, ..] = fields[..] else {
        return None;
    };
    let ends = Ends {
        local: address(local)?.port(),
        remote: address(remote)?,
    };
    Some((inode.parse().ok()?, ends))
}

/// An address such as `0100007F:1538`: the IP's words of 32 bits as the machine has them, the port as people write it. An
/// address of version 4 in one of version 6 is itself.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words = ip.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?),
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(SocketAddr::new(ip.to_canonical(), port))
}

fn open_sockets(process: Pid) -> Vec<u64> {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let inode = |link: std::path::PathBuf| {
        let inside = link.to_str()?.strip_prefix("socket:[")?;
        inside.strip_suffix(']')?.parse().ok()
    };
    links.filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_is_found_at_the_process_that_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let stream = TcpStream::connect(there).unwrap();
        let here = stream.local_addr().unwrap().port();
        let ends = Ends {
            local: here,
            remote: there,
        };
        let (own, nobody) = (std::process::id().cast_signed(), 0x7fff_fff0);
        let found = connections_of(&[own, nobody]);
        assert!(found[0].contains(&ends));
        assert!(found[1].is_empty());
        drop(stream);
        assert!(!connections_of(&[own])[0].contains(&ends));
    }

    #[test]
    fn only_sockets_that_are_connected_count() {
        let line = |state: &str| {
            format!(
                "   0: 0100007F:1538 0100007F:C350 {state} 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0"
            )
        };
        let ends = Ends {
            local: 0x1538,
            remote: "127.0.0.1:50000".parse().unwrap(),
        };
        assert_eq!(connected(&line("01")), Some((4711, ends)));
        assert_eq!(connected(&line("0A")), None);
    }

    #[test]
    fn an_address_of_version_4_is_the_same_in_one_of_version_6() {
        let four = address("0100007F:1538").unwrap();
        assert_eq!(four, "127.0.0.1:5432".parse().unwrap());
        let mapped = address("0000000000000000FFFF00000100007F:1538");
        assert_eq!(mapped, Some(four));
        let six = address("00000000000000000000000001000000:1538");
        assert_eq!(six, Some("[::1]:5432".parse().unwrap()));
    }
}

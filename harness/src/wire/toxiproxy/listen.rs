//! Addresses as Go's `net.Listen` takes them: without a host every interface, with a service's name in a port's place.

use std::{
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use tokio::net::lookup_host;

/// What every system knows, with or without `/etc/services`.
const KNOWN: [(&str, u16); 4] = [("http", 80), ("https", 443), ("smtp", 25), ("domain", 53)];

/// Where `listen` is: an empty one, or one without a host, is every interface; without a port, or with port 0, a free one.
pub(crate) async fn resolve(listen: &str) -> io::Result<SocketAddr> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    if listen.is_empty() {
        return Ok(everywhere(0));
    }
    let (host, port) = listen
        .rsplit_once(':')
        .ok_or_else(|| invalid(format!("address {listen}: missing port in address")))?;
    let port = match port.parse::<u32>() {
        Ok(number) => {
            u16::try_from(number).map_err(|_| invalid(format!("address {number}: invalid port")))?
        }
        Err(_) if port.is_empty() => 0,
        Err(_) => service(port).ok_or_else(|| invalid(format!("unknown port tcp/{port}")))?,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok(everywhere(port));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found = lookup_host((host, port)).await?;
    // As Go does: IPv4 first.
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found
        .first()
        .copied()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

fn service(name: &str) -> Option<u16> {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    known.map(|(_, port)| *port).or_else(|| {
        let services = fs::read_to_string("/etc/services").ok()?;
        services.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let (official, port) = (words.next()?, words.next()?);
            let is_it = official == name || words.any(|alias| alias == name);
            let port = port.strip_suffix("/tcp").filter(|_| is_it)?;
            port.parse().ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_read_as_go_reads_them() {
        for (listen, address) in [
            ("127.0.0.1:7001", "127.0.0.1:7001"),
            ("127.0.0.1:http", "127.0.0.1:80"),
            (":7001", "[::]:7001"),
            ("", "[::]:0"),
            ("[::1]:7001", "[::1]:7001"),
            ("localhost:7001", "127.0.0.1:7001"),
        ] {
            let found = resolve(listen).await.expect(listen);
            assert_eq!(found, address.parse().unwrap(), "{listen}");
        }
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_with_why() {
        for (listen, why) in [
            ("bad", "missing port"),
            ("127.0.0.1:99999", "invalid port"),
            ("127.0.0.1:nosuch", "unknown port"),
        ] {
            let error = resolve(listen).await.expect_err(listen).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}

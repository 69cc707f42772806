//! The address of a server.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use crate::error::{Error, Result};

/// An address of a server. `Display` leaves out the query, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp(Tcp),
    Unix(PathBuf),
}

/// A server on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(super) uri: Uri,
    /// The name to look up, without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("unix://") {
            if path.starts_with('/') && !path.contains('\0') {
                return Ok(Self::Unix(PathBuf::from(path)));
            }
            return Err(refused(
                "the path of a `unix://` address is absolute: write `unix:///path`",
            ));
        }
        // The parse error isn't shown: it may hold a secret.
        let uri: Uri = url.parse().map_err(|_| {
            refused("the address is no URL: write `wss://host:port`, `ws://host:port` or `unix:///path`")
        })?;
        let tls = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => {
                return Err(refused(
                    "the address of a server begins with `wss://`, `ws://` or `unix://`",
                ));
            }
        };
        let authority = uri.authority().map_or("", |it| it.as_str());
        if authority.contains('@') {
            return Err(refused(
                "leave the name and the password out of the address: a token goes into `bearer_token`",
            ));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(refused("the address names no host"));
        }
        let (host, port) = (host.to_owned(), uri.port_u16());
        // An unreadable port would otherwise pass for a missing one.
        if port.is_none() && !authority.ends_with(uri.host().unwrap_or_default()) {
            return Err(refused("the port of the address is no number up to 65535"));
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self::Tcp(Tcp {
            uri,
            host,
            port,
            tls,
        }))
    }
}

impl Address {
    /// Whether others on the way can read what is sent there.
    pub(crate) fn is_exposed(&self) -> bool {
        match self {
            Self::Unix(_) => false,
            Self::Tcp(tcp) => !tcp.tls && !tcp.is_loopback(),
        }
    }
}

impl Tcp {
    fn is_loopback(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(tcp) => {
                let scheme = if tcp.tls { "wss" } else { "ws" };
                let authority = tcp.uri.authority().map_or("", |it| it.as_str());
                write!(f, "{scheme}://{authority}")?;
                f.write_str(tcp.uri.path().trim_end_matches('/'))
            }
        }
    }
}

fn refused(problem: &str) -> Error {
    Error::InvalidInput(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        for (url, shown) in [
            ("ws://127.0.0.1:4500", "ws://127.0.0.1:4500"),
            (
                "wss://example.com/codex?key=secret",
                "wss://example.com/codex",
            ),
            ("ws://[::1]:80/", "ws://[::1]:80"),
            ("unix:///run/codex.sock", "unix:///run/codex.sock"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_shown() {
        for url in [
            "http://127.0.0.1:1",
            "ws://user:secret@host",
            "secret",
            "ws://host:secret",
            "ws://host:70000",
            "unix://relative",
            "ws://",
            "",
        ] {
            let error = url.parse::<Address>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn plain_connections_beyond_this_machine_are_exposed() {
        for (url, exposed) in [
            ("ws://127.0.0.1:1", false),
            ("ws://[::1]:1", false),
            ("ws://LOCALHOST", false),
            ("ws://10.0.0.1:1", true),
            ("ws://localhost.example.com", true),
            ("wss://example.com", false),
            ("unix:///x", false),
        ] {
            assert_eq!(
                url.parse::<Address>().unwrap().is_exposed(),
                exposed,
                "{url}"
            );
        }
    }
}

//! `gateway healthcheck`: asks the ping entry point of a gateway that runs with the same configuration, as Traefik's does.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::config::install::{Install, Outcome, load};

/// Traefik's.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints what came of it. The exit code is 0 for a gateway that answers 200.
pub(super) fn run(args: &[String]) -> ExitCode {
    let loaded = match load(args, std::env::vars()) {
        Ok(Outcome::Run(loaded)) => loaded,
        Ok(Outcome::Help(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::FAILURE;
        }
    };
    match ask(&loaded.config) {
        Ok((200, url)) => {
            println!("OK: {url}");
            ExitCode::SUCCESS
        }
        Ok((status, _)) => {
            println!("Bad healthcheck status: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("Error calling healthcheck: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The status of `HEAD /ping`, and the URL that was asked.
fn ask(install: &Install) -> anyhow::Result<(u16, String)> {
    let ping = install
        .ping
        .as_ref()
        .context("please enable `ping` to use health check")?;
    let name = &ping.entry_point;
    let entry = install
        .entry_points
        .get(name)
        .with_context(|| format!("ping: missing {name} entry point"))?;
    let address = entry
        .parse_address()
        .with_context(|| format!("entry point {name}"))?;
    // Who listens everywhere is reached by loopback.
    let host = match address.host.as_str() {
        "" | "0.0.0.0" | "::" => Ipv4Addr::LOCALHOST.to_string(),
        host => host.to_owned(),
    };
    let socket = (host.as_str(), address.port)
        .to_socket_addrs()?
        .next()
        .with_context(|| format!("{host} has no address"))?;
    Ok((status(socket)?, format!("http://{socket}/ping")))
}

fn status(socket: SocketAddr) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&socket, PATIENCE)
        .with_context(|| format!("cannot connect to {socket}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("HEAD /ping HTTP/1.1\r\nHost: {socket}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // The first line is all that counts; a peer that sends without end is no gateway.
    stream
        .take(4096)
        .read_to_end(&mut answer)
        .with_context(|| format!("no answer from {socket}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    match status {
        Some(status) => Ok(status),
        None => bail!("{socket} does not speak HTTP"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::TcpListener;

    use super::*;
    use crate::config::install::{EntryPoint, Ping};

    fn install(address: &str, ping: bool) -> Install {
        let mut install = Install::default();
        let entry = EntryPoint {
            address: address.to_owned(),
            ..EntryPoint::default()
        };
        install.entry_points.insert("traefik".to_owned(), entry);
        install.ping = ping.then(Ping::default);
        install
    }

    #[test]
    fn asks_for_ping_and_reads_the_status() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let (status, url) = ask(&install(&format!(":{port}"), true)).unwrap();
        assert_eq!(
            (status, url),
            (503, format!("http://127.0.0.1:{port}/ping"))
        );
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("HEAD /ping HTTP/1.1\r\n")
        );
    }

    #[test]
    fn says_what_is_missing() {
        let error = ask(&install(":1", false)).unwrap_err().to_string();
        assert!(error.contains("enable `ping`"), "{error}");
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let error = ask(&install(&closed.to_string(), true)).unwrap_err();
        assert!(error.to_string().contains(&closed.to_string()), "{error}");
    }
}

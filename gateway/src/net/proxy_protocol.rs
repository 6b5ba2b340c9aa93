//! PROXY headers, versions 1 and 2: the client's address as a load balancer in front of us tells it.
//!
//! <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>. The parser is pure; [`read`] takes exactly the header
//! off a socket and not a byte more, so that what follows (TLS, HTTP) finds the socket as if it had never been there.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use super::Deadline;

const V1: &[u8] = b"PROXY ";
const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1, line end included (section 2.1).
const V1_LONGEST: usize = 107;
/// Signature, command, family and length of version 2.
const V2_FIXED: usize = 16;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// No PROXY header.
    Absent,
    /// Not clear yet, or not whole: of a header, so many bytes more belong to it for certain.
    More(usize),
    /// A header of version 1 whose line has no end yet.
    MoreOfLine,
    /// A whole header.
    Header {
        /// The client; `None` where the header says that the connection speaks for itself (`LOCAL`, `UNKNOWN`) or names
        /// no address of the Internet.
        source: Option<SocketAddr>,
        /// Bytes it takes.
        length: usize,
    },
}

/// A PROXY header that is none. The connection is of no use: its sender takes us for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyError {
    /// Version 1: not `PROXY TCP4|TCP6|UNKNOWN source destination port port CR LF`.
    Line,
    /// Version 1: longer than 107 bytes.
    TooLong,
    /// Version 2: neither `LOCAL` nor `PROXY`, or no version 2.
    Command,
    /// Version 2: shorter than its addresses.
    TooShort,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "malformed PROXY header of version 1",
            Self::TooLong => "PROXY header of version 1 without a line end",
            Self::Command => "PROXY header of version 2 with an unknown version or command",
            Self::TooShort => "PROXY header of version 2 that is shorter than its addresses",
        })
    }
}

impl std::error::Error for ProxyError {}

/// Looks at the first bytes of a connection.
pub fn parse(bytes: &[u8]) -> Result<Start, ProxyError> {
    if bytes.is_empty() {
        return Ok(Start::More(1));
    }
    if begins(bytes, V2) {
        return version_2(bytes);
    }
    if begins(bytes, V1) {
        return version_1(bytes);
    }
    Ok(Start::Absent)
}

/// Whether `bytes` are the start of `signature`, or start with it.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    let known = bytes.len().min(signature.len());
    bytes.get(..known) == signature.get(..known)
}

fn version_1(bytes: &[u8]) -> Result<Start, ProxyError> {
    if bytes.len() < V1.len() {
        return Ok(Start::More(V1.len() - bytes.len()));
    }
    let within = bytes.get(..V1_LONGEST).unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', within) else {
        return match bytes.len() < V1_LONGEST {
            true => Ok(Start::MoreOfLine),
            false => Err(ProxyError::TooLong),
        };
    };
    let line = within.get(V1.len()..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(ProxyError::Line)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Line)?;
    Ok(Start::Header {
        source: source_1(line)?,
        length: end + 1,
    })
}

/// The line behind `PROXY `, without its end.
fn source_1(line: &str) -> Result<Option<SocketAddr>, ProxyError> {
    let mut words = line.split(' ');
    let family = words.next();
    if family == Some("UNKNOWN") {
        // Whatever else it says is to be ignored.
        return Ok(None);
    }
    let (Some(source), Some(destination), Some(port), Some(to), None) = (
        words.next(),
        words.next(),
        words.next(),
        words.next(),
        words.next(),
    ) else {
        return Err(ProxyError::Line);
    };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            Some("TCP4") => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            Some("TCP6") => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let all = (
        address(source),
        address(destination),
        port_1(port),
        port_1(to),
    );
    let (Some(source), Some(_), Some(port), Some(_)) = all else {
        return Err(ProxyError::Line);
    };
    Ok(Some(SocketAddr::new(source, port)))
}

/// A decimal number without sign or leading zero.
fn port_1(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

fn version_2(bytes: &[u8]) -> Result<Start, ProxyError> {
    let Some([command, family, high, low]) = bytes.get(V2.len()..V2_FIXED) else {
        return Ok(Start::More(V2_FIXED - bytes.len()));
    };
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::Command),
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    let Some(body) = bytes.get(V2_FIXED..length) else {
        return Ok(Start::More(length - bytes.len()));
    };
    // Behind the addresses stand TLVs, which are no concern of ours.
    let source = match family >> 4 {
        _ if local => None,
        1 => Some(source_2::<4>(body)?),
        2 => Some(source_2::<16>(body)?),
        _ => None,
    };
    Ok(Start::Header { source, length })
}

/// Source and destination of `N` bytes each, then their ports.
fn source_2<const N: usize>(body: &[u8]) -> Result<SocketAddr, ProxyError>
where
    IpAddr: From<[u8; N]>,
{
    let source: Option<&[u8; N]> = body.first_chunk();
    let ports: Option<&[u8; 4]> = body.get(2 * N..).and_then(<[u8]>::first_chunk);
    match (source, ports) {
        (Some(source), Some([high, low, ..])) => {
            let port = u16::from_be_bytes([*high, *low]);
            Ok(SocketAddr::new(IpAddr::from(*source), port))
        }
        _ => Err(ProxyError::TooShort),
    }
}

/// What [`read`] took off a socket.
#[derive(Debug)]
pub struct Taken {
    /// The client, where a header names one.
    pub source: Option<SocketAddr>,
    /// There was no header: bytes that belong to what follows.
    pub early: BytesMut,
}

/// Takes a PROXY header off the front of `socket`, if there is one. An expired `deadline` is an error, and so is a
/// header that is malformed or breaks off.
pub async fn read(socket: &mut TcpStream, deadline: &Deadline) -> io::Result<Taken> {
    let mut bytes = BytesMut::new();
    let mut piece = [0; 256];
    loop {
        let start =
            parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let certain = match start {
            Start::Absent => break,
            Start::Header { source, .. } => {
                let early = BytesMut::new();
                return Ok(Taken { source, early });
            }
            // A first byte that begins no header is left where it is: it may be that of a TLS record.
            Start::More(more) if bytes.is_empty() => {
                match peek(socket, deadline, &mut piece[..1]).await? {
                    0 => break,
                    _ if parse(&piece[..1]) == Ok(Start::Absent) => break,
                    _ => more,
                }
            }
            Start::More(more) => more,
            Start::MoreOfLine => {
                let seen = peek(socket, deadline, &mut piece).await?;
                let line = memchr::memchr(b'\n', &piece[..seen]);
                line.map_or(seen, |end| end + 1)
            }
        };
        let limit = certain.clamp(1, piece.len());
        match take(socket, deadline, &mut piece[..limit]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
    Ok(Taken {
        source: None,
        early: bytes,
    })
}

/// Looks at what the socket has without taking it; 0 is its end.
async fn peek(socket: &TcpStream, deadline: &Deadline, into: &mut [u8]) -> io::Result<usize> {
    let mut target = ReadBuf::new(into);
    poll_fn(|cx| match socket.poll_peek(cx, &mut target) {
        Poll::Ready(count) => Poll::Ready(count),
        Poll::Pending => deadline.poll_expired(cx).map(|()| Err(late())),
    })
    .await
}

/// Reads what the socket has; 0 is its end.
async fn take(socket: &mut TcpStream, deadline: &Deadline, into: &mut [u8]) -> io::Result<usize> {
    let mut target = ReadBuf::new(into);
    poll_fn(
        |cx| match Pin::new(&mut *socket).poll_read(cx, &mut target) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => deadline.poll_expired(cx).map(|()| Err(late())),
        },
    )
    .await?;
    Ok(target.filled().len())
}

fn late() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the PROXY header did not come in time",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn header(bytes: &[u8]) -> (Option<SocketAddr>, usize) {
        match parse(bytes).unwrap() {
            Start::Header { source, length } => (source, length),
            other => panic!("{other:?}: {}", bytes.escape_ascii()),
        }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2.as_slice(), &[command, family], &length, body].concat()
    }

    #[test]
    fn lines_of_version_1() {
        let line = b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 80\r\nGET";
        let client = "203.0.113.7:5555".parse().unwrap();
        assert_eq!(header(line), (Some(client), line.len() - 3));
        let line = b"PROXY TCP6 2001:db8::9 ::1 65535 0\r\n";
        let client = "[2001:db8::9]:65535".parse().unwrap();
        assert_eq!(header(line).0, Some(client));
        assert_eq!(header(b"PROXY UNKNOWN\r\n").0, None);
        assert_eq!(header(b"PROXY UNKNOWN ff::1 x y z w\r\n").0, None);
    }

    #[test]
    fn headers_of_version_2() {
        let four = [203, 0, 113, 8, 127, 0, 0, 1, 21, 179, 0, 80];
        let client = "203.0.113.8:5555".parse().unwrap();
        assert_eq!(header(&v2(0x21, 0x11, &four)), (Some(client), 28));
        // Trailing fields are no concern of ours, and neither is what follows the header.
        let mut long = [four.as_slice(), &[4, 0, 1, 9]].concat();
        long = v2(0x21, 0x12, &long);
        long.extend_from_slice(b"GET");
        assert_eq!(header(&long), (Some(client), 32));
        let mut six = [0; 36];
        six[..2].copy_from_slice(&[0x20, 1]);
        six[32..34].copy_from_slice(&[0, 7]);
        let client = "[2001::]:7".parse().unwrap();
        assert_eq!(header(&v2(0x21, 0x21, &six)).0, Some(client));
        // LOCAL is the load balancer's own probe; a Unix socket has no address for us.
        assert_eq!(header(&v2(0x20, 0x00, &[])).0, None);
        assert_eq!(header(&v2(0x20, 0x11, &four)).0, None);
        assert_eq!(header(&v2(0x21, 0x31, &[0; 216])).0, None);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let lines = [
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
        ];
        for line in lines {
            assert_eq!(parse(line.as_bytes()), Err(ProxyError::Line), "{line:?}");
        }
        let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 107]].concat();
        assert_eq!(parse(&endless), Err(ProxyError::TooLong));
        for command in [0x00, 0x11, 0x22, 0x31, 0xff] {
            assert_eq!(
                parse(&v2(command, 0x11, &[0; 12])),
                Err(ProxyError::Command)
            );
        }
        assert_eq!(parse(&v2(0x21, 0x11, &[0; 11])), Err(ProxyError::TooShort));
        assert_eq!(parse(&v2(0x21, 0x21, &[0; 35])), Err(ProxyError::TooShort));
    }

    #[test]
    fn what_is_no_header_stays() {
        for other in [
            "GET / HTTP/1.1\r\n",
            "POST /",
            "PRI * HTTP/2.0",
            "PROXX",
            "PROXY\t",
            "proxy ",
            "\r\n\r\nGET",
            "\u{16}\u{3}\u{1}",
        ] {
            assert_eq!(parse(other.as_bytes()), Ok(Start::Absent), "{other:?}");
        }
    }

    fn local<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap()
            .block_on(future)
    }

    /// Sends `pieces` one by one, and answers what was taken and what was left on the socket.
    fn over_a_socket(pieces: &[&[u8]]) -> (io::Result<Taken>, Vec<u8>) {
        local(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            client.set_nodelay(true).unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let send = async {
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                client.shutdown().await.unwrap();
            };
            let deadline = Deadline::new();
            let (taken, ()) = tokio::join!(read(&mut server, &deadline), send);
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            (taken, rest)
        })
    }

    #[test]
    fn exactly_the_header_is_taken() {
        let two = v2(0x21, 0x11, &[203, 0, 113, 8, 127, 0, 0, 1, 21, 179, 0, 80]);
        for header in [
            b"PROXY TCP4 203.0.113.8 127.0.0.1 5555 80\r\n".as_slice(),
            b"PROXY UNKNOWN\r\n",
            two.as_slice(),
        ] {
            let whole = [header, b"\x16\x03\x01 next".as_slice()].concat();
            for at in 0..whole.len() {
                let (first, second) = whole.split_at(at);
                let (taken, rest) = over_a_socket(&[first, second]);
                let taken = taken.unwrap();
                let named = Some("203.0.113.8:5555".parse().unwrap());
                assert_eq!(
                    taken.source,
                    named.filter(|_| header != b"PROXY UNKNOWN\r\n")
                );
                assert!(taken.early.is_empty());
                assert_eq!(rest, b"\x16\x03\x01 next");
            }
        }
    }

    #[test]
    fn without_a_header_nothing_is_lost() {
        for text in [
            "POST / HTTP/1.1",
            "PRI * HTTP/2.0",
            "\r\nGET /",
            "\u{16}\u{3}",
            "",
        ] {
            let (taken, rest) = over_a_socket(&[text.as_bytes()]);
            let taken = taken.unwrap();
            assert_eq!(taken.source, None);
            assert_eq!([taken.early.as_ref(), &rest].concat(), text.as_bytes());
        }
    }

    #[test]
    fn a_header_that_breaks_off_is_an_error() {
        for text in [
            b"PROXY TCP4 203".as_slice(),
            &V2[..],
            &v2(0x21, 0x11, &[0; 12])[..20],
        ] {
            assert!(over_a_socket(&[text]).0.is_err(), "{}", text.escape_ascii());
        }
    }
}

//! ClientHellos: the same server name wherever the bytes are cut, and one that options can be looked up by.

use gateway::net::tls::{TlsTable, canonical_name};
use rustls::server::Acceptor;

/// Longer ones only hold more of what is passed over.
const LONGEST: usize = 4096;

/// What was made of the bytes.
#[derive(Debug, PartialEq)]
enum Hello {
    /// Something is wrong with them.
    Refused,
    /// There must be more.
    More,
    /// A hello for this name.
    Name(Option<String>),
}

/// Reads the bytes whole, and in pieces.
pub fn client_hello(bytes: &[u8]) {
    let bytes = bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default();
    let whole = read(bytes, LONGEST);
    for piece in [1, 7, 300] {
        let cut = read(bytes, piece);
        assert_eq!(cut, whole, "{piece} at once: {}", bytes.escape_ascii());
    }
    if let Hello::Name(Some(name)) = whole {
        assert_eq!(canonical_name(&name), name, "{}", bytes.escape_ascii());
        assert!(TlsTable::default().choose(Some(&name)).is_none());
    }
}

fn read(bytes: &[u8], piece: usize) -> Hello {
    let mut acceptor = Acceptor::default();
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            if !matches!(acceptor.read_tls(&mut piece), Ok(1..)) {
                return Hello::Refused;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    return Hello::Name(hello.server_name().map(canonical_name));
                }
                Ok(None) => {}
                Err(_) => return Hello::Refused,
            }
        }
    }
    Hello::More
}

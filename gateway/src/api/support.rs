//! `/api/support-dump`: version, install and routing configuration in one archive, for whoever is asked for help.

use ::http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::json;
use crate::config::install::Install;
use crate::http::{Body, Response};

/// A block of a tar archive.
const BLOCK: usize = 512;
/// The longest stored block of DEFLATE (RFC 1951 section 3.2.4).
const STORED: usize = 65_535;

/// The archive. Passwords and keys of the install configuration are not in it: its types do not show them.
pub(super) fn dump(
    install: &Install,
    runtime: &impl Serialize,
    version: &impl Serialize,
) -> Response {
    let texts = [
        ("version.json", json::text(version)),
        ("static-config.json", json::text(install)),
        ("runtime-config.json", json::text(runtime)),
    ];
    let mut archive = Vec::new();
    for (name, text) in texts {
        match text {
            Ok(text) => tar(&mut archive, name, text.as_bytes()),
            Err(error) => {
                return json::refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string());
            }
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    let mut response = Response::new(Body::from(bytes::Bytes::from(gzip(&archive))));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/gzip"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=support-dump.tar.gz"),
    );
    response
}

/// Adds a file to a tar archive (POSIX ustar).
fn tar(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut head = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (place, byte) in text.bytes().enumerate() {
            head[at + place] = byte;
        }
    };
    put(0, name);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The sum counts its own field as blanks.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    for (place, byte) in format!("{sum:06o}\0 ").bytes().enumerate() {
        head[148 + place] = byte;
    }
    archive.extend_from_slice(&head);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// A gzip file (RFC 1952) whose blocks are stored as they are: it is asked for too seldom to be worth a compressor.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = content.chunks(STORED).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&crc32(content).to_le_bytes());
    let length = u32::try_from(content.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out
}

fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(!0_u32, |mut sum, &byte| {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut archive = Vec::new();
        tar(&mut archive, "a.json", b"{}");
        assert_eq!(archive.len(), 2 * BLOCK);
        let packed = gzip(&archive);
        assert_eq!(packed.len(), 10 + 5 + archive.len() + 8);
    }
}

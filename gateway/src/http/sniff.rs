//! Guesses the media type of an answer that names none, from its first bytes, as Go's server does.
//!
//! The patterns are those of the MIME Sniffing Standard (section 7) that Go implements.

use ::http::{HeaderValue, header};

use super::{Body, Response};

/// Bytes that are looked at.
const LOOKED_AT: usize = 512;

const MARKUP: [&[u8]; 17] = [
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
    b"<!--",
];

const MAGIC: [(&[u8], &str); 22] = [
    (b"<?xml", "text/xml; charset=utf-8"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xFE\xFF", "text/plain; charset=utf-16be"),
    (b"\xFF\xFE", "text/plain; charset=utf-16le"),
    (b"\xEF\xBB\xBF", "text/plain; charset=utf-8"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x02\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\x0D\x0A\x1A\x0A", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"\x1A\x45\xDF\xA3", "video/webm"),
    (b"\x00asm", "application/wasm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1F\x8B\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
];

/// Names the type of `response`, where it has a body in memory and no type.
pub fn guess_type(response: &mut Response) {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return;
    }
    if let Body::Full(bytes) = response.body()
        && !bytes.is_empty()
    {
        let found = media_type(bytes);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(found));
    }
}

/// The type of a body that begins with `data`.
pub fn media_type(data: &[u8]) -> &'static str {
    let data = data.get(..LOOKED_AT).unwrap_or(data);
    let blank = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ');
    let start = data
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(data.len());
    let text = data.get(start..).unwrap_or_default();
    if MARKUP.iter().any(|tag| is_tag(text, tag)) {
        return "text/html; charset=utf-8";
    }
    for (magic, found) in MAGIC {
        let looked = if magic.starts_with(b"<?") { text } else { data };
        if looked.starts_with(magic) {
            return found;
        }
    }
    if data.starts_with(b"RIFF") && data.get(8..14) == Some(b"WEBPVP") {
        return "image/webp";
    }
    let binary = |&byte: &u8| matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    if data.iter().any(binary) {
        "application/octet-stream"
    } else {
        "text/plain; charset=utf-8"
    }
}

fn is_tag(text: &[u8], tag: &[u8]) -> bool {
    let Some(start) = text.get(..tag.len()) else {
        return false;
    };
    if !start.eq_ignore_ascii_case(tag) {
        return false;
    }
    // A comment needs no end of its name.
    tag == b"<!--"
        || text
            .get(tag.len())
            .is_some_and(|next| matches!(next, b' ' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed_as_go_guesses_them() {
        for (data, found) in [
            (&b"ok"[..], "text/plain; charset=utf-8"),
            (b"", "text/plain; charset=utf-8"),
            (b"  <html>", "text/html; charset=utf-8"),
            (b"<htmlx", "text/plain; charset=utf-8"),
            (b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"\x00\x01", "application/octet-stream"),
        ] {
            assert_eq!(media_type(data), found);
        }
    }
}

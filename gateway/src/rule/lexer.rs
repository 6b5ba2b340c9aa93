//! The words of a rule, as Go's scanner sees them, because Traefik reads rules with Go's expression parser.
//!
//! What that means beyond the obvious: backquoted and double-quoted strings, comments, and a newline after a name, a
//! literal or `)` ends the expression.

use super::error::Fault;

/// One word and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) offset: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Ident(String),
    /// The value of a string literal, unquoted.
    Text(String),
    Int(String),
    Float(String),
    /// A character literal, which no matcher takes.
    Char,
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    Dot,
    Ellipsis,
    /// The end of a line where Go inserts a semicolon.
    Newline,
    /// Any other operator of Go, as written.
    Other(&'static str),
    End,
}

impl Kind {
    /// Whether Go names the word by its sign rather than by what is written.
    pub(super) fn is_operator(&self) -> bool {
        !matches!(
            self,
            Self::Ident(_) | Self::Text(_) | Self::Int(_) | Self::Float(_) | Self::Char
        )
    }

    /// Whether a newline after this word ends the expression (Go's automatic semicolons).
    fn ends_line(&self) -> bool {
        matches!(
            self,
            Self::Ident(_)
                | Self::Text(_)
                | Self::Int(_)
                | Self::Float(_)
                | Self::Char
                | Self::Close
                | Self::Other("]" | "}")
        )
    }
}

/// Go's operators that are no part of the rule language, longest first.
const OTHER: [&str; 32] = [
    "<<=", ">>=", "&^=", "<<", ">>", "&^", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<-",
    "++", "--", "==", "!=", "<=", ">=", ":=", "+", "-", "*", "/", "%", "&", "|", "^", "<", ">",
];
const OTHER_SINGLE: [&str; 8] = ["=", "[", "]", "{", "}", ";", ":", "~"];

/// Splits `rule` into words; the last one is always [`Kind::End`].
pub(super) fn tokens(rule: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        text: rule,
        at: 0,
        out: Vec::new(),
    };
    // A byte order mark at the very start is skipped, as Go does.
    if rule.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    while lexer.step()? {}
    Ok(lexer.out)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn ends_line(&self) -> bool {
        self.out.last().is_some_and(|token| token.kind.ends_line())
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.out.push(Token {
            kind,
            offset: self.at,
            end: self.at + length,
        });
        self.at += length;
    }

    /// Takes one word, or one run of white space; false after the end.
    fn step(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            if self.ends_line() {
                self.push(Kind::Newline, 0);
            }
            self.push(Kind::End, 0);
            return Ok(false);
        };
        match c {
            '\n' if self.ends_line() => self.push(Kind::Newline, 1),
            ' ' | '\t' | '\r' | '\n' => self.at += 1,
            '/' if rest.starts_with("//") || rest.starts_with("/*") => self.comment()?,
            '`' => self.raw_text()?,
            '"' => self.quoted_text()?,
            '\'' => self.character()?,
            '0'..='9' => self.number(),
            c if c == '_' || c.is_alphabetic() => {
                let length = rest
                    .find(|c: char| c != '_' && !c.is_alphanumeric())
                    .unwrap_or(rest.len());
                self.push(Kind::Ident(rest[..length].to_owned()), length);
            }
            _ => self.operator()?,
        }
        Ok(true)
    }

    fn operator(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let known = [
            ("...", Kind::Ellipsis),
            ("&&", Kind::And),
            ("||", Kind::Or),
            ("!=", Kind::Other("!=")),
            ("!", Kind::Not),
            ("(", Kind::Open),
            (")", Kind::Close),
            (",", Kind::Comma),
            (".", Kind::Dot),
        ];
        if let Some((text, kind)) = known.into_iter().find(|(text, _)| rest.starts_with(text)) {
            self.push(kind, text.len());
            return Ok(());
        }
        if let Some(text) = OTHER
            .iter()
            .chain(&OTHER_SINGLE)
            .find(|text| rest.starts_with(**text))
        {
            self.push(Kind::Other(text), text.len());
            return Ok(());
        }
        let c = rest.chars().next().unwrap_or_default();
        Err(Fault::new(format!("illegal character U+{:04X} '{c}'", c as u32)).at(self.at))
    }

    /// A comment is white space; one that reaches the end of its line counts as that newline.
    fn comment(&mut self) -> Result<(), Fault> {
        if self.ends_line() && comment_ends_line(self.rest()) {
            self.push(Kind::Newline, 0);
            return Ok(());
        }
        let rest = self.rest();
        self.at += match rest.strip_prefix("//") {
            Some(_) => rest.find('\n').unwrap_or(rest.len()),
            None => match rest.get(2..).and_then(|body| body.find("*/")) {
                Some(end) => end + 4,
                None => return Err(Fault::new("comment not terminated").at(self.at)),
            },
        };
        Ok(())
    }

    /// A backquoted string: everything up to the next backquote, without carriage returns.
    fn raw_text(&mut self) -> Result<(), Fault> {
        let body = &self.rest()[1..];
        let Some(end) = body.find('`') else {
            return Err(Fault::new("raw string literal not terminated")
                .at(self.at)
                .hint("a backquote is missing"));
        };
        self.push(Kind::Text(body[..end].replace('\r', "")), end + 2);
        Ok(())
    }

    fn quoted_text(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let body = &self.rest()[1..];
        let mut value = Vec::new();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    let value = String::from_utf8(value).map_err(|_| {
                        Fault::new("string literal is not valid UTF-8")
                            .at(start)
                            .hint("write the characters themselves")
                    })?;
                    self.push(Kind::Text(value), at + 2);
                    return Ok(());
                }
                '\n' => break,
                '\\' => {
                    let (bytes, length) = escape(&body[at..]).ok_or_else(|| {
                        Fault::new("unknown escape sequence")
                            .at(start + 1 + at)
                            .hint("double the backslash, or write the value between backquotes, where it is taken literally")
                    })?;
                    value.extend_from_slice(&bytes);
                    for _ in 0..body[at..at + length].chars().count() - 1 {
                        chars.next();
                    }
                }
                c => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Err(Fault::new("string literal not terminated")
            .at(start)
            .hint("a double quote is missing"))
    }

    /// `'x'` is a character in Go, never a string.
    fn character(&mut self) -> Result<(), Fault> {
        let hint = "write values between backquotes or double quotes";
        let body = &self.rest()[1..];
        let line = body.split('\n').next().unwrap_or_default();
        let Some(end) = line.find('\'') else {
            return Err(Fault::new("rune literal not terminated")
                .at(self.at)
                .hint(hint));
        };
        if body[..end].chars().count() != 1 && !body.starts_with('\\') {
            return Err(Fault::new("illegal rune literal").at(self.at).hint(hint));
        }
        self.push(Kind::Char, end + 2);
        Ok(())
    }

    fn number(&mut self) {
        let rest = self.rest();
        let length = rest
            .find(|c: char| c != '_' && c != '.' && !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let text = rest[..length].to_owned();
        let kind = if text.contains('.') {
            Kind::Float(text)
        } else {
            Kind::Int(text)
        };
        self.push(kind, length);
    }
}

/// Whether nothing but white space and comments stands between `rest`, which starts with a comment, and the line's end.
fn comment_ends_line(mut rest: &str) -> bool {
    loop {
        if rest.starts_with("//") {
            return true;
        }
        let Some(end) = rest.strip_prefix("/*").and_then(|body| body.find("*/")) else {
            return true;
        };
        let (comment, after) = rest.split_at(end + 4);
        if comment.contains('\n') {
            return true;
        }
        rest = after.trim_start_matches([' ', '\t', '\r']);
        match rest.as_bytes() {
            [] | [b'\n', ..] => return true,
            [b'/', b'/' | b'*', ..] => {}
            _ => return false,
        }
    }
}

/// The bytes of the escape sequence at the start of `text` (which is a backslash), and its length.
fn escape(text: &str) -> Option<(Vec<u8>, usize)> {
    let code = text.chars().nth(1)?;
    let simple = match code {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        _ => return numeric_escape(text, code),
    };
    Some((vec![simple], 2))
}

fn numeric_escape(text: &str, code: char) -> Option<(Vec<u8>, usize)> {
    let (from, digits, radix) = match code {
        '0'..='7' => (1, 3, 8),
        'x' => (2, 2, 16),
        'u' => (2, 4, 16),
        'U' => (2, 8, 16),
        _ => return None,
    };
    let digits_text = text
        .get(from..from + digits)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let value = u32::from_str_radix(digits_text, radix).ok()?;
    let bytes = match code {
        'u' | 'U' => char::from_u32(value)?.to_string().into_bytes(),
        _ => vec![u8::try_from(value).ok()?],
    };
    Some((bytes, from + digits))
}

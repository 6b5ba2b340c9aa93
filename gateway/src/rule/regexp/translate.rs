//! Reads an expression by Go's grammar (`regexp/syntax`, flags `Perl`) and writes it in this crate's.
//!
//! One pass with a stack of open groups and no recursion. What Go accepts means the same afterwards; what it refuses is an
//! error with the same text.

use super::RegexpError;
use super::class::{self, NOTHING, write_escaped};

const MISSING_ARGUMENT: &str = "missing argument to repetition operator";
const BAD_REPEAT: &str = "invalid nested repetition operator";
const BAD_SIZE: &str = "invalid repeat count";
const BAD_PERL: &str = "invalid or unsupported Perl syntax";
const BAD_CAPTURE: &str = "invalid named capture";
const MISSING_PAREN: &str = "missing closing )";
const UNEXPECTED_PAREN: &str = "unexpected )";
const TOO_DEEP: &str = "expression nests too deeply";

/// How far repetitions may multiply, as in Go.
const MOST: u32 = 1000;
/// How deep groups may nest.
const DEEPEST: usize = 250;

/// The expression rewritten, and what is known about it.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// Text that every match starts with, which the start of the input precedes.
    pub(super) prefix: Option<String>,
}

/// What is left to read.
pub(super) struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.0
    }

    /// Moves on by `bytes`, which end at a character's border.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.0.chars().next()?;
        self.skip(c.len_utf8());
        Some(c)
    }

    pub(super) fn take(&mut self, c: char) -> bool {
        let found = self.0.starts_with(c);
        self.skip(if found { c.len_utf8() } else { 0 });
        found
    }
}

/// Writes one character that stands for itself.
pub(super) fn push_char(value: u32, out: &mut String) {
    write_escaped(value, out);
}

/// What the output consists of, so that a repetition finds what it repeats.
enum Piece {
    /// Something that can be repeated, and the product of the repetitions inside.
    Atom {
        text: String,
        repeated: u32,
        /// Has its operator already; another one needs a group around it.
        quantified: bool,
        literal: Option<char>,
    },
    /// `(?i)`: nothing to repeat, and nothing to stop at when looking for it.
    Flags(String),
    Bar,
    /// An open group: its opening text and the flags to go back to.
    Open {
        text: String,
        flags: Flags,
    },
}

/// The flags that matter while reading; the others are only handed on.
#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
}

struct Translator<'a> {
    source: &'a str,
    cursor: Cursor<'a>,
    pieces: Vec<Piece>,
    flags: Flags,
    depth: usize,
    names: Vec<&'a str>,
}

pub(super) fn translate(source: &str) -> Result<Translated, RegexpError> {
    let mut translator = Translator {
        source,
        cursor: Cursor(source),
        pieces: Vec::new(),
        flags: Flags::default(),
        depth: 0,
        names: Vec::new(),
    };
    translator.run()?;
    if translator.depth > 0 {
        return Err(RegexpError::new(MISSING_PAREN, source));
    }
    let prefix = translator.prefix();
    let pattern = translator.pieces.iter().map(Piece::text).collect();
    Ok(Translated { pattern, prefix })
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<(), RegexpError> {
        let mut last_repeat: Option<&'a str> = None;
        loop {
            let before = self.cursor.rest();
            let Some(c) = before.chars().next() else {
                return Ok(());
            };
            let mut repeat = None;
            match c {
                '(' if before.starts_with("(?") => self.perl_group()?,
                '(' => {
                    self.cursor.skip(1);
                    self.open("(".into())?;
                }
                '|' => self.simple(Piece::Bar),
                ')' => self.close()?,
                '^' => self.assertion("^"),
                '$' => self.assertion("$"),
                '.' => self.assertion("."),
                '[' => {
                    let class = class::bracketed(&mut self.cursor)?;
                    self.atom(class);
                }
                '*' | '+' | '?' => {
                    self.cursor.skip(1);
                    self.repeat(before, c.encode_utf8(&mut [0; 4]), 1, last_repeat)?;
                    repeat = Some(before);
                }
                '{' => {
                    if self.counted(before, last_repeat)? {
                        repeat = Some(before);
                    }
                }
                '\\' => self.backslash()?,
                _ => {
                    self.cursor.next();
                    self.literal(c as u32);
                }
            }
            last_repeat = repeat;
        }
    }

    fn simple(&mut self, piece: Piece) {
        self.cursor.skip(1);
        self.pieces.push(piece);
    }

    fn assertion(&mut self, text: &str) {
        self.cursor.skip(1);
        self.atom(text.to_owned());
    }

    fn atom(&mut self, text: String) {
        self.pieces.push(Piece::Atom {
            text,
            repeated: 1,
            quantified: false,
            literal: None,
        });
    }

    fn literal(&mut self, value: u32) {
        let mut text = String::new();
        let literal = char::from_u32(value);
        match literal {
            Some(_) => push_char(value, &mut text),
            None => text.push_str(NOTHING),
        }
        let literal = literal.filter(|_| !self.flags.fold);
        self.pieces.push(Piece::Atom {
            text,
            repeated: 1,
            quantified: false,
            literal,
        });
    }

    fn open(&mut self, text: String) -> Result<(), RegexpError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(RegexpError::new(TOO_DEEP, self.source));
        }
        self.pieces.push(Piece::Open {
            text,
            flags: self.flags,
        });
        Ok(())
    }

    /// Makes one atom of everything since the group was opened.
    fn close(&mut self) -> Result<(), RegexpError> {
        let Some(start) = self
            .pieces
            .iter()
            .rposition(|piece| matches!(piece, Piece::Open { .. }))
        else {
            return Err(RegexpError::new(UNEXPECTED_PAREN, self.source));
        };
        let inside = self.pieces.split_off(start);
        let repeated = inside.iter().map(Piece::repeated).max().unwrap_or(1);
        if let Some(Piece::Open { flags, .. }) = inside.first() {
            self.flags = *flags;
        }
        let mut text: String = inside.iter().map(Piece::text).collect();
        text.push(')');
        self.depth -= 1;
        self.cursor.skip(1);
        self.pieces.push(Piece::Atom {
            text,
            repeated,
            quantified: false,
            literal: None,
        });
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`.
    fn perl_group(&mut self) -> Result<(), RegexpError> {
        let start = self.cursor.rest();
        let named = match start {
            _ if start.starts_with("(?P<") && start.len() > 4 => Some(4),
            _ if start.starts_with("(?<") && start.len() > 3 => Some(3),
            _ => None,
        };
        match named {
            Some(from) => self.named_group(start, from),
            None => self.flag_group(start),
        }
    }

    fn named_group(&mut self, start: &'a str, from: usize) -> Result<(), RegexpError> {
        let Some(end) = start.find('>') else {
            return Err(RegexpError::new(BAD_CAPTURE, start));
        };
        let name = start.get(from..end).unwrap_or_default();
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        {
            return Err(RegexpError::new(BAD_CAPTURE, &start[..=end]));
        }
        self.cursor.skip(end + 1);
        // Names that start with a digit or are given twice are Go's alone; the group stays, under its number.
        let text =
            match name.starts_with(|c: char| c.is_ascii_digit()) || self.names.contains(&name) {
                true => "(".to_owned(),
                false => format!("(?P<{name}>"),
            };
        self.names.push(name);
        self.open(text)
    }

    fn flag_group(&mut self, start: &'a str) -> Result<(), RegexpError> {
        self.cursor.skip(2);
        let mut text = String::from("(?");
        let mut flags = self.flags;
        let mut on = true;
        let mut saw = false;
        while let Some(c) = self.cursor.next() {
            match c {
                'i' | 'm' | 's' | 'U' => {
                    saw = true;
                    if c == 'i' {
                        flags.fold = on;
                    }
                    // This crate allows each flag once.
                    if !text.contains(c) {
                        text.push(c);
                    } else if !on {
                        text = text.replace(c, "") + &c.to_string();
                    }
                }
                '-' if on => {
                    on = false;
                    saw = false;
                    text.push('-');
                }
                ':' if on || saw => {
                    let outer = std::mem::replace(&mut self.flags, flags);
                    let opened = self.open(text + ":");
                    if let Some(Piece::Open { flags, .. }) = self.pieces.last_mut() {
                        *flags = outer;
                    }
                    return opened;
                }
                ')' if on || saw => {
                    self.flags = flags;
                    if text.len() > 2 {
                        self.pieces.push(Piece::Flags(text + ")"));
                    }
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(RegexpError::new(
            BAD_PERL,
            &start[..start.len() - self.cursor.rest().len()],
        ))
    }

    /// Applies `operator` to what stands before it; `times` is how often it repeats at least or at most.
    fn repeat(
        &mut self,
        before: &'a str,
        operator: &str,
        times: u32,
        last: Option<&'a str>,
    ) -> Result<(), RegexpError> {
        let lazy = self.cursor.take('?');
        let rest = self.cursor.rest().len();
        if let Some(last) = last {
            return Err(RegexpError::new(BAD_REPEAT, &last[..last.len() - rest]));
        }
        let written = &before[..before.len() - rest];
        let Some(Piece::Atom {
            text,
            repeated,
            quantified,
            literal,
        }) = self
            .pieces
            .iter_mut()
            .rev()
            .find(|piece| !matches!(piece, Piece::Flags(_)))
        else {
            return Err(RegexpError::new(MISSING_ARGUMENT, written));
        };
        *repeated = repeated.saturating_mul(times);
        if times >= 2 && *repeated > MOST {
            return Err(RegexpError::new(BAD_SIZE, written));
        }
        if std::mem::replace(quantified, true) {
            *text = format!("(?:{text})");
        }
        text.push_str(operator);
        if lazy {
            text.push('?');
        }
        *literal = None;
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; false when it is none of them, and the brace stands for itself.
    fn counted(&mut self, before: &'a str, last: Option<&'a str>) -> Result<bool, RegexpError> {
        let Some((min, max, length)) = counts(before) else {
            self.cursor.skip(1);
            self.literal('{' as u32);
            return Ok(false);
        };
        let written = &before[..length];
        let most = max.unwrap_or(min);
        if min > MOST || most > MOST || min > most {
            return Err(RegexpError::new(BAD_SIZE, written));
        }
        self.cursor.skip(length);
        let operator = match max {
            None => format!("{{{min},}}"),
            Some(max) if max == min => format!("{{{min}}}"),
            Some(max) => format!("{{{min},{max}}}"),
        };
        self.repeat(before, &operator, most, last)?;
        Ok(true)
    }

    fn backslash(&mut self) -> Result<(), RegexpError> {
        let assertion = match self.cursor.rest().as_bytes().get(1) {
            Some(b'A') => Some("\\A"),
            Some(b'z') => Some("\\z"),
            Some(b'b') => Some("(?-u:\\b)"),
            Some(b'B') => Some("(?-u:\\B)"),
            Some(b'Q') => {
                self.cursor.skip(2);
                return self.quoted();
            }
            _ => None,
        };
        if let Some(text) = assertion {
            self.cursor.skip(2);
            self.atom(text.to_owned());
        } else if let Some(class) = class::unicode(&mut self.cursor)? {
            self.atom(class);
        } else if let Some(class) = class::perl(&mut self.cursor) {
            self.atom(class.to_owned());
        } else {
            let value = class::escape(&mut self.cursor)?;
            self.literal(value);
        }
        Ok(())
    }

    /// `\Q…\E`: literal up to the `\E` or the end.
    fn quoted(&mut self) -> Result<(), RegexpError> {
        let rest = self.cursor.rest();
        let end = rest.find("\\E");
        for c in rest[..end.unwrap_or(rest.len())].chars() {
            self.literal(c as u32);
        }
        self.cursor.skip(end.map_or(rest.len(), |end| end + 2));
        Ok(())
    }

    /// The literal text after a leading `^`, when nothing can go around it.
    fn prefix(&self) -> Option<String> {
        let bar = self.pieces.iter().any(|piece| matches!(piece, Piece::Bar));
        let anchored = matches!(self.pieces.first(), Some(Piece::Atom { text, .. }) if text == "^" || text == "\\A");
        if bar || !anchored {
            return None;
        }
        let literal = |piece: &Piece| match piece {
            Piece::Atom { literal, .. } => *literal,
            _ => None,
        };
        let prefix: String = self.pieces.iter().skip(1).map_while(literal).collect();
        (!prefix.is_empty()).then_some(prefix)
    }
}

impl Piece {
    fn text(&self) -> &str {
        match self {
            Self::Atom { text, .. } | Self::Flags(text) | Self::Open { text, .. } => text,
            Self::Bar => "|",
        }
    }

    fn repeated(&self) -> u32 {
        match self {
            Self::Atom { repeated, .. } => *repeated,
            _ => 1,
        }
    }
}

/// The numbers of `{n}`, `{n,}` or `{n,m}` at the start, and the length; a number too long to hold is too big.
fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let end = text.find('}')?;
    let body = text.get(1..end)?;
    let number = |digits: &str| {
        // Go takes no leading zeros.
        let valid = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !(digits.len() > 1 && digits.starts_with('0'));
        valid.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match body.split_once(',') {
        None => (number(body)?, Some(number(body)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((min, max, end + 1))
}

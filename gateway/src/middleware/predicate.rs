//! Conditions as `buffering` and `circuitBreaker` write them: functions compared with constants, joined by `&&` and
//! `||`, in Go's syntax.

use std::fmt;

/// A constant of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Int(i64),
    Float(f64),
    Text(Box<str>),
}

/// What a function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Int,
    Float,
    Text,
}

/// An answer of a function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fact<'a> {
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// Finds the function of a name, given its arguments; else says why it is none.
pub(super) type Find<F> = fn(&str, &[Constant]) -> Result<(F, Kind), String>;

/// A condition over functions `F`.
#[derive(Debug)]
pub(super) struct Predicate<F>(Node<F>);

#[derive(Debug)]
enum Node<F> {
    All(Box<(Node<F>, Node<F>)>),
    Any(Box<(Node<F>, Node<F>)>),
    Not(Box<Node<F>>),
    Is(F),
    Compare(F, Operator, Constant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl<F> Predicate<F> {
    /// Reads a condition.
    pub(super) fn parse(text: &str, find: Find<F>) -> Result<Self, String> {
        Self::read(text, find, false)
    }

    /// Reads a condition in which `!` may stand before what is not to hold.
    pub(super) fn parse_with_not(text: &str, find: Find<F>) -> Result<Self, String> {
        Self::read(text, find, true)
    }

    fn read(text: &str, find: Find<F>, negates: bool) -> Result<Self, String> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
            negates,
            find,
        };
        let found = parser.any().and_then(|part| parser.condition(part));
        let found = found.and_then(|node| match parser.rest() {
            "" => Ok(node),
            rest => Err(format!("nothing may follow here: {rest:?}")),
        });
        found
            .map(Self)
            .map_err(|error| format!("{text:?} is no condition: {error}"))
    }

    /// Whether it holds, given what its functions answer.
    pub(super) fn holds<'a>(&self, answer: &mut dyn FnMut(&F) -> Fact<'a>) -> bool {
        self.0.holds(answer)
    }
}

impl<F> Node<F> {
    fn holds<'a>(&self, answer: &mut dyn FnMut(&F) -> Fact<'a>) -> bool {
        match self {
            Self::All(both) => both.0.holds(answer) && both.1.holds(answer),
            Self::Any(both) => both.0.holds(answer) || both.1.holds(answer),
            Self::Not(node) => !node.holds(answer),
            Self::Is(function) => answer(function) == Fact::Flag(true),
            Self::Compare(function, operator, constant) => match (answer(function), constant) {
                (Fact::Int(left), Constant::Int(right)) => operator.holds(&left, right),
                (Fact::Float(left), Constant::Float(right)) => operator.holds(&left, right),
                (Fact::Text(left), Constant::Text(right)) => operator.holds(left, &**right),
                _ => false,
            },
        }
    }
}

impl Operator {
    fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// What stands between operators.
enum Part<F> {
    Condition(Node<F>),
    Function(F, Kind),
    Constant(Constant),
}

impl<F> fmt::Display for Part<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Condition(_) | Self::Function(_, Kind::Flag) => "a condition",
            Self::Function(..) => "a function's value",
            Self::Constant(_) => "a constant",
        })
    }
}

struct Parser<'t, F> {
    text: &'t str,
    at: usize,
    depth: usize,
    /// Whether there is `!`.
    negates: bool,
    find: Find<F>,
}

/// Parentheses inside parentheses.
const DEEPEST: usize = 50;

impl<F> Parser<'_, F> {
    /// What is not read yet, without blanks at its front.
    fn rest(&mut self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn any(&mut self) -> Result<Part<F>, String> {
        let mut left = self.all()?;
        while self.takes("||") {
            let right = self.all()?;
            let both = (self.condition(left)?, self.condition(right)?);
            left = Part::Condition(Node::Any(Box::new(both)));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Part<F>, String> {
        let mut left = self.comparison()?;
        while self.takes("&&") {
            let right = self.comparison()?;
            let both = (self.condition(left)?, self.condition(right)?);
            left = Part::Condition(Node::All(Box::new(both)));
        }
        Ok(left)
    }

    fn condition(&self, part: Part<F>) -> Result<Node<F>, String> {
        match part {
            Part::Condition(node) => Ok(node),
            Part::Function(function, Kind::Flag) => Ok(Node::Is(function)),
            other => Err(format!("a condition is expected, not {other}")),
        }
    }

    fn comparison(&mut self) -> Result<Part<F>, String> {
        const OPERATORS: [(&str, Operator); 6] = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let left = self.operand()?;
        let found = OPERATORS.into_iter().find(|(token, _)| self.takes(token));
        let Some((token, operator)) = found else {
            return Ok(left);
        };
        let right = self.operand()?;
        let (function, kind, constant) = match (left, right) {
            (Part::Function(function, kind), Part::Constant(constant)) => {
                (function, kind, constant)
            }
            (left, right) => {
                return Err(format!(
                    "{token} compares a function with a constant, not {left} with {right}"
                ));
            }
        };
        let fits = match (kind, &constant) {
            (Kind::Int, Constant::Int(_)) | (Kind::Float, Constant::Float(_)) => true,
            (Kind::Text, Constant::Text(_)) => {
                matches!(operator, Operator::Equal | Operator::NotEqual)
            }
            _ => false,
        };
        if !fits {
            return Err(format!(
                "{token} does not fit: write whole numbers for counts, 0.5 for ratios, == or != for texts"
            ));
        }
        Ok(Part::Condition(Node::Compare(function, operator, constant)))
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err("too many parentheses".to_owned()),
            false => Ok(()),
        }
    }

    fn operand(&mut self) -> Result<Part<F>, String> {
        if self.negates && self.takes("!") {
            self.deeper()?;
            let inner = self.operand()?;
            self.depth -= 1;
            let inner = self.condition(inner)?;
            return Ok(Part::Condition(Node::Not(Box::new(inner))));
        }
        if self.takes("(") {
            self.deeper()?;
            let inner = self.any()?;
            self.depth -= 1;
            return match self.takes(")") {
                true => Ok(inner),
                false => Err("a ) is missing".to_owned()),
            };
        }
        let rest = self.rest();
        let name = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(rest, |end| &rest[..end]);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let name = name.to_owned();
            return self.call(&name);
        }
        self.constant().map(Part::Constant)
    }

    fn call(&mut self, name: &str) -> Result<Part<F>, String> {
        self.at += name.len();
        if !self.takes("(") {
            return Err(format!("a ( is missing after {name}"));
        }
        let mut arguments = Vec::new();
        while !self.takes(")") {
            if !arguments.is_empty() && !self.takes(",") {
                return Err(format!("a ) is missing after the arguments of {name}"));
            }
            arguments.push(self.constant()?);
        }
        let (function, kind) = (self.find)(name, &arguments)?;
        Ok(Part::Function(function, kind))
    }

    fn constant(&mut self) -> Result<Constant, String> {
        let rest = self.rest();
        let (length, found) = match rest.as_bytes().first() {
            Some(b'"' | b'`') => text(rest)?,
            Some(b'0'..=b'9' | b'.') => number(rest)?,
            _ => return Err(format!("a function or a constant is expected at {rest:?}")),
        };
        self.at += length;
        Ok(found)
    }
}

/// A number at the front of `rest`, with its length.
fn number(rest: &str) -> Result<(usize, Constant), String> {
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .unwrap_or(rest.len());
    let number = &rest[..end];
    let wrong = |_| format!("{number:?} is no number");
    let found = if number.contains(['.', 'e', 'E']) {
        Constant::Float(number.parse().map_err(|_| wrong(()))?)
    } else {
        Constant::Int(number.parse().map_err(|_| wrong(()))?)
    };
    Ok((end, found))
}

/// A quoted text at the front of `rest`, with its length.
fn text(rest: &str) -> Result<(usize, Constant), String> {
    let mut found = String::new();
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if Some(c) == quote => {
                return Ok((at + c.len_utf8(), Constant::Text(found.into())));
            }
            '\\' if quote == Some('"') => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => found.push(escaped),
                _ => return Err(format!("an unknown escape in {rest:?}")),
            },
            c => found.push(c),
        }
    }
    Err(format!("{rest:?} does not end"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn find(name: &str, arguments: &[Constant]) -> Result<(Box<str>, Kind), String> {
        let kind = match (name, arguments) {
            ("Is", []) => Kind::Flag,
            ("Two", []) | ("Sum", [Constant::Int(_), Constant::Int(_)]) => Kind::Int,
            ("Half", []) => Kind::Float,
            ("Method", []) => Kind::Text,
            _ => return Err(format!("no function {name}")),
        };
        Ok((name.into(), kind))
    }

    fn answer(name: &str) -> Fact<'static> {
        match name {
            "Is" => Fact::Flag(true),
            "Half" => Fact::Float(0.5),
            "Method" => Fact::Text("GET"),
            _ => Fact::Int(2),
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        for (text, wanted) in [
            ("Is()", true),
            ("Two() > 1 && Half() >= 0.5", true),
            ("Two() == 3 || Two() != 3", true),
            ("Is() || Is() && Two() > 5", true),
            ("(Is() || Is()) && Two() > 5", false),
            ("Method() == \"GET\" && (Two()) <= 2", true),
            ("Method() != `GET`", false),
            ("Sum(1, 2) < 2", false),
        ] {
            let predicate = Predicate::parse(text, find).unwrap();
            assert_eq!(predicate.holds(&mut |name| answer(name)), wanted, "{text}");
        }
    }

    #[test]
    fn not_where_it_is_known() {
        for (text, wanted) in [
            ("!Is()", false),
            ("!!Is()", true),
            ("!(Is() && Two() > 5) && Is()", true),
            ("!Is() || Is()", true),
        ] {
            let predicate = Predicate::parse_with_not(text, find).unwrap();
            assert_eq!(predicate.holds(&mut |name| answer(name)), wanted, "{text}");
        }
        let deep = "!".repeat(1000);
        for text in ["!", "!Two()", &deep] {
            assert!(Predicate::parse_with_not(text, find).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition() {
        let deep = "(".repeat(1000);
        for text in [
            "",
            "((",
            "Nope() > 1",
            "Half() > 2",
            "Two() > 0.5",
            "Two()",
            "3 > Two()",
            "Method() > \"A\"",
            "Two() == 1 == 1",
            "Is() &&",
            "Is() Is()",
            "!Is()",
            "Two() > -1",
            "Two",
            "Sum(1",
            "Method() == \"x",
            &deep,
        ] {
            assert!(Predicate::parse(text, find).is_err(), "{text}");
        }
    }
}

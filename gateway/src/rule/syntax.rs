//! The shape of a rule before names mean anything: Go's expression grammar as far as a rule can use it.
//!
//! Traefik hands rules to Go's parser and looks up matchers afterwards, so a missing parenthesis is reported before an
//! unknown matcher further left. Keeping the two steps apart keeps that order.

use super::error::Fault;
use super::lexer::{Kind, Token, tokens};

/// How deep parentheses may nest. Far beyond what people write; it keeps recursion off the end of the stack.
const DEEPEST: usize = 200;

/// One node and where it starts in the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) offset: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeKind {
    Call(Box<Node>, Vec<Node>),
    Text(String),
    Int(String),
    Float(String),
    Char,
    /// A name, with its selectors: `a.b.c`.
    Name(Vec<String>),
    Group(Box<Node>),
    /// `!`, once or an even or odd number of times.
    Not {
        inner: Box<Node>,
        odd: bool,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    /// An operator that Go has and rules have not, with its operands when it stands between two.
    Unsupported(&'static str, Vec<Node>),
}

impl NodeKind {
    /// Go's name for an expression that cannot be an argument.
    pub(super) fn go_expression(&self) -> Option<&'static str> {
        match self {
            Self::Group(_) => Some("ParenExpr"),
            Self::Not { .. } => Some("UnaryExpr"),
            Self::Unsupported(_, operands) if operands.is_empty() => Some("UnaryExpr"),
            Self::And(_) | Self::Or(_) | Self::Unsupported(..) => Some("BinaryExpr"),
            _ => None,
        }
    }
}

/// Parses one rule.
pub(super) fn parse(rule: &str) -> Result<Node, Fault> {
    let tokens = tokens(rule)?;
    let mut parser = Parser {
        rule,
        tokens: &tokens,
        at: 0,
        depth: 0,
    };
    let node = parser.alternatives()?;
    if *parser.peek() == Kind::Newline {
        parser.at += 1;
    }
    match parser.peek() {
        Kind::End => Ok(node),
        Kind::Newline => Err(parser.fault("expected 'EOF', found newline")),
        found => {
            let fault = parser.fault(format!("expected 'EOF', found {}", parser.found()));
            Err(match found {
                Kind::Ident(_) | Kind::Not | Kind::Open => {
                    fault.hint("join matchers with && or ||")
                }
                _ => fault.hint("a rule cannot go on here"),
            })
        }
    }
}

struct Parser<'a> {
    rule: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Kind {
        self.tokens
            .get(self.at)
            .map_or(&Kind::End, |token| &token.kind)
    }

    fn offset(&self) -> usize {
        self.tokens
            .get(self.at)
            .or(self.tokens.last())
            .map_or(0, |token| token.offset)
    }

    /// How Go names the next word in "found …": literals and names as written.
    fn found(&self) -> String {
        let written = |token: &Token| {
            let text = self.rule.get(token.offset..token.end).unwrap_or_default();
            match token.kind {
                Kind::End => "'EOF'".to_owned(),
                Kind::Newline => "newline".to_owned(),
                _ if token.kind.is_operator() => format!("'{text}'"),
                _ => text.to_owned(),
            }
        };
        self.tokens.get(self.at).map_or_else(String::new, written)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(message).at(self.offset())
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == kind;
        self.at += usize::from(found);
        found
    }

    /// `a || b || c` as one node. A chain is a list, not a spine, so its length costs no stack here or later.
    fn alternatives(&mut self) -> Result<Node, Fault> {
        self.chain(&Kind::Or, Self::conjunction, NodeKind::Or)
    }

    fn conjunction(&mut self) -> Result<Node, Fault> {
        self.chain(&Kind::And, Self::operand_with_others, NodeKind::And)
    }

    fn chain(
        &mut self,
        operator: &Kind,
        operand: fn(&mut Self) -> Result<Node, Fault>,
        join: fn(Vec<Node>) -> NodeKind,
    ) -> Result<Node, Fault> {
        let first = operand(self)?;
        if self.peek() != operator {
            return Ok(first);
        }
        let offset = first.offset;
        let mut operands = vec![first];
        while self.take(operator) {
            operands.push(operand(self)?);
        }
        Ok(Node {
            kind: join(operands),
            offset,
        })
    }

    /// An operand, and Go's tighter operators, which parse and are then refused by name.
    fn operand_with_others(&mut self) -> Result<Node, Fault> {
        let mut left = self.unary()?;
        while let Kind::Other(operator) = *self.peek() {
            if !BINARY.contains(&operator) {
                break;
            }
            let offset = left.offset;
            self.at += 1;
            let right = self.unary()?;
            left = Node {
                kind: NodeKind::Unsupported(operator, vec![left, right]),
                offset,
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        let mut nots = Vec::new();
        loop {
            let offset = self.offset();
            match *self.peek() {
                Kind::Not => nots.push(offset),
                Kind::Other(operator) if UNARY.contains(&operator) => {
                    self.at += 1;
                    self.unary_operand()?;
                    return Ok(Node {
                        kind: NodeKind::Unsupported(operator, Vec::new()),
                        offset,
                    });
                }
                _ => break,
            }
            self.at += 1;
        }
        let inner = self.primary()?;
        // However many `!` there are, they make one node, so that they cost no stack.
        Ok(match nots.first() {
            None => inner,
            Some(offset) => Node {
                kind: NodeKind::Not {
                    inner: Box::new(inner),
                    odd: nots.len() % 2 == 1,
                },
                offset: *offset,
            },
        })
    }

    fn unary_operand(&mut self) -> Result<(), Fault> {
        while matches!(self.peek(), Kind::Not)
            || matches!(self.peek(), Kind::Other(operator) if UNARY.contains(operator))
        {
            self.at += 1;
        }
        self.primary().map(|_| ())
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        let mut node = self.operand()?;
        loop {
            let offset = node.offset;
            match self.peek() {
                Kind::Open => {
                    let arguments = self.arguments()?;
                    node = Node {
                        kind: NodeKind::Call(Box::new(node), arguments),
                        offset,
                    };
                }
                Kind::Dot => {
                    self.at += 1;
                    node = self.selector(node)?;
                }
                _ => return Ok(node),
            }
        }
    }

    fn selector(&mut self, node: Node) -> Result<Node, Fault> {
        let Kind::Ident(field) = self.peek().clone() else {
            return Err(self.fault(format!(
                "expected selector or type assertion, found {}",
                self.found()
            )));
        };
        let NodeKind::Name(mut names) = node.kind else {
            return Err(self
                .fault("expected selector identifier")
                .hint("matchers have no fields"));
        };
        self.at += 1;
        names.push(field);
        Ok(Node {
            kind: NodeKind::Name(names),
            offset: node.offset,
        })
    }

    fn operand(&mut self) -> Result<Node, Fault> {
        let offset = self.offset();
        let kind = match self.peek().clone() {
            Kind::Ident(name) => NodeKind::Name(vec![name]),
            Kind::Text(text) => NodeKind::Text(text),
            Kind::Int(digits) => NodeKind::Int(digits),
            Kind::Float(digits) => NodeKind::Float(digits),
            Kind::Char => NodeKind::Char,
            Kind::Open => return self.group(),
            _ => {
                let fault = self.fault(format!("expected operand, found {}", self.found()));
                return Err(fault.hint("a matcher such as Host(`example.com`) belongs here"));
            }
        };
        self.at += 1;
        Ok(Node { kind, offset })
    }

    fn group(&mut self) -> Result<Node, Fault> {
        let offset = self.offset();
        self.enter()?;
        let inner = self.alternatives()?;
        if !self.take(&Kind::Close) {
            let fault = self.fault(format!("expected ')', found {}", self.found()));
            return Err(fault.hint("a closing parenthesis is missing"));
        }
        self.depth -= 1;
        Ok(Node {
            kind: NodeKind::Group(Box::new(inner)),
            offset,
        })
    }

    /// The arguments of a call; a last comma and Go's `...` are allowed and mean nothing.
    fn arguments(&mut self) -> Result<Vec<Node>, Fault> {
        self.enter()?;
        let mut out = Vec::new();
        while !matches!(self.peek(), Kind::Close | Kind::End) {
            out.push(self.alternatives()?);
            let last = self.take(&Kind::Ellipsis);
            if !self.take(&Kind::Comma) || last {
                break;
            }
        }
        if !self.take(&Kind::Close) {
            return Err(self.unclosed_arguments());
        }
        self.depth -= 1;
        Ok(out)
    }

    fn unclosed_arguments(&self) -> Fault {
        match self.peek() {
            Kind::Newline => self
                .fault("missing ',' before newline in argument list")
                .hint("a closing parenthesis is missing"),
            Kind::End => self
                .fault("expected ')', found 'EOF'")
                .hint("a closing parenthesis is missing"),
            _ => self.fault("missing ',' in argument list"),
        }
    }

    /// Goes past an opening parenthesis.
    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self
                .fault("exceeded max nesting depth")
                .hint(format!("parentheses may nest {DEEPEST} deep")));
        }
        self.at += 1;
        Ok(())
    }
}

const UNARY: [&str; 6] = ["+", "-", "^", "&", "*", "<-"];
const BINARY: [&str; 17] = [
    "==", "!=", "<", "<=", ">", ">=", "+", "-", "|", "^", "*", "/", "%", "<<", ">>", "&", "&^",
];

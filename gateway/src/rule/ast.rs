//! A rule as a tree of matchers, and its text again.
//!
//! The tree keeps a rule's own grouping: `a && b && c` is one node of three, `a && (b && c)` two nodes, because Traefik's
//! messages tell the two apart.

use std::fmt;

use super::error::{Fault, nearest};
use super::syntax::{self, Node, NodeKind};

/// A parsed rule whose matchers are known by name; their arguments are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    Matcher(Call),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

/// One matcher with its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name as Traefik documents it, whatever case the rule uses.
    pub name: &'static str,
    pub args: Vec<String>,
    /// Where the matcher starts in the rule, in bytes.
    pub offset: usize,
}

/// Where a matcher stands is no part of what it says.
impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.args == other.args
    }
}
impl Eq for Call {}

/// The matchers that a rule may use.
pub(super) type Names = [&'static str];

/// Parses `rule`, knowing the matchers `names`.
pub(super) fn parse(rule: &str, names: &Names) -> Result<Expr, Fault> {
    let node = syntax::parse(rule).map_err(|fault| {
        let position = fault
            .offset
            .map(|offset| format!("{}: ", super::error::Position::of(rule, offset)));
        fault.prefixed(&position.unwrap_or_default())
    })?;
    match value(node, names)? {
        Value::Tree(expr) => Ok(expr),
        Value::Other(..) => Err(Fault::new(NO_TREE)
            .at(0)
            .hint("a rule is made of matchers such as Host(`example.com`)")),
    }
}

/// What Traefik says when a rule is a value, not a matcher.
pub(super) const NO_TREE: &str = "obtaining build tree";

/// What a node of the rule is worth: a tree of matchers, or something that is none, with Go's name for its type.
enum Value {
    Tree(Expr),
    Other(&'static str, Option<String>),
}

impl Value {
    fn go_type(&self) -> &'static str {
        match self {
            Self::Tree(_) => "rules.TreeBuilder",
            Self::Other(name, _) => name,
        }
    }

    /// The tree, where an operator needs one.
    fn tree(self, offset: usize) -> Result<Expr, Fault> {
        match self {
            Self::Tree(expr) => Ok(expr),
            other => Err(Fault::new(format!(
                "reflect: Call using {} as type rules.TreeBuilder",
                other.go_type()
            ))
            .at(offset)
            .hint("&&, || and ! join matchers, not values")),
        }
    }
}

fn value(node: Node, names: &Names) -> Result<Value, Fault> {
    let offset = node.offset;
    match node.kind {
        NodeKind::Group(inner) => value(*inner, names),
        NodeKind::Not { inner, odd } => {
            let from = inner.offset;
            let inner = value(*inner, names)?.tree(from)?;
            Ok(Value::Tree(match odd {
                true => Expr::Not(Box::new(inner)),
                false => inner,
            }))
        }
        NodeKind::And(operands) => Ok(Value::Tree(Expr::And(trees(operands, names)?))),
        NodeKind::Or(operands) => Ok(Value::Tree(Expr::Or(trees(operands, names)?))),
        NodeKind::Unsupported(operator, operands) => {
            for operand in operands {
                value(operand, names)?;
            }
            let fault = Fault::new(format!("{operator} is not supported")).at(offset);
            Err(match operator {
                "&" => fault.hint("write && for and"),
                "|" => fault.hint("write || for or"),
                _ => fault.hint("the operators are &&, || and !"),
            })
        }
        kind => atom(Node { kind, offset }, names),
    }
}

fn trees(operands: Vec<Node>, names: &Names) -> Result<Vec<Expr>, Fault> {
    let tree = |operand: Node| {
        let offset = operand.offset;
        value(operand, names)?.tree(offset)
    };
    operands.into_iter().map(tree).collect()
}

/// A literal, a name, or a call.
fn atom(node: Node, names: &Names) -> Result<Value, Fault> {
    let offset = node.offset;
    match node.kind {
        NodeKind::Text(text) => Ok(Value::Other("string", Some(text))),
        NodeKind::Int(_) => Ok(Value::Other("int", None)),
        NodeKind::Float(_) => Ok(Value::Other("float64", None)),
        NodeKind::Char => Err(Fault::new("unsupported function argument type: 'CHAR'")
            .at(offset)
            .hint("write values between backquotes")),
        NodeKind::Name(parts) => {
            let fault = Fault::new(format!("{} is not defined", parts.join("."))).at(offset);
            Err(match parts.first().and_then(|name| resolve(name, names)) {
                Some(name) => fault.hint(format!("{name} needs its arguments in parentheses")),
                None => fault.hint("write values between backquotes"),
            })
        }
        NodeKind::Call(function, arguments) => {
            call(*function, arguments, offset, names).map(Value::Tree)
        }
        _ => Err(Fault::new("expression is not supported").at(offset)),
    }
}

fn call(function: Node, arguments: Vec<Node>, offset: usize, names: &Names) -> Result<Expr, Fault> {
    let NodeKind::Name(parts) = function.kind else {
        return Err(Fault::new("expected identifier")
            .at(offset)
            .hint("only a matcher's name can stand before its arguments"));
    };
    let written = parts.join(".");
    let Some(name) = resolve(&written, names) else {
        return Err(unsupported(&written, names).at(offset));
    };
    let mut args = Vec::with_capacity(arguments.len());
    let mut wrong = None;
    for argument in arguments {
        let at = argument.offset;
        if let Some(shape) = argument.kind.go_expression() {
            return Err(Fault::new(format!("*ast.{shape} is not supported"))
                .at(at)
                .hint("an argument is one value between backquotes"));
        }
        match atom(argument, names)? {
            Value::Other(_, Some(text)) => args.push(text),
            other => {
                wrong.get_or_insert((other.go_type(), at));
            }
        }
    }
    if let Some((found, at)) = wrong {
        let fault = Fault::new(format!(
            "reflect: cannot use {found} as type string in Call"
        ));
        return Err(fault.at(at).hint("write values between backquotes"));
    }
    Ok(Expr::Matcher(Call { name, args, offset }))
}

/// The matcher that `written` names: as documented, all lower, all upper, or with only the first letter raised.
fn resolve(written: &str, names: &Names) -> Option<&'static str> {
    names.iter().copied().find(|name| {
        written.eq_ignore_ascii_case(name)
            && (written == *name
                || written.bytes().all(|byte| byte.is_ascii_lowercase())
                || written.bytes().all(|byte| byte.is_ascii_uppercase())
                || (written.starts_with(|c: char| c.is_ascii_uppercase())
                    && written
                        .bytes()
                        .skip(1)
                        .all(|byte| byte.is_ascii_lowercase())))
    })
}

/// Matchers of the other syntax, and what to write instead.
const MOVED: [(&str, &str); 11] = [
    ("Headers", "in v3 syntax it is Header(`name`, `value`)"),
    (
        "HeadersRegexp",
        "in v3 syntax it is HeaderRegexp(`name`, `expression`)",
    ),
    ("HostHeader", "in v3 syntax it is Host(`name`)"),
    (
        "PathRegexp",
        "it is a matcher of v3 syntax; v2 writes Path(`/{name:expression}`)",
    ),
    (
        "Header",
        "it is a matcher of v3 syntax; v2 writes Headers(`name`, `value`)",
    ),
    (
        "HeaderRegexp",
        "it is a matcher of v3 syntax; v2 writes HeadersRegexp(`name`, `expression`)",
    ),
    (
        "QueryRegexp",
        "it is a matcher of v3 syntax; v2 writes Query(`name={any:expression}`)",
    ),
    ("PathStrip", "use PathPrefix and the stripPrefix middleware"),
    (
        "PathPrefixStrip",
        "use PathPrefix and the stripPrefix middleware",
    ),
    (
        "HostSNI",
        "it is a matcher of TCP routers; for HTTP write Host(`name`)",
    ),
    (
        "Host",
        "it is a matcher of HTTP routers; for TCP write HostSNI(`name`)",
    ),
];

fn unsupported(written: &str, names: &Names) -> Fault {
    let fault = Fault::new(format!("unsupported function: {written}"));
    if let Some((_, advice)) = MOVED
        .iter()
        .find(|(name, _)| written.eq_ignore_ascii_case(name) && !names.contains(name))
    {
        return fault.hint(*advice);
    }
    match nearest(written, names) {
        Some(name) => fault.hint(format!("did you mean {name}?")),
        None => fault.hint(format!("the matchers are {}", names.join(", "))),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            // A backquoted string can hold neither a backquote nor a carriage return.
            match arg.contains(['`', '\r']) {
                false => write!(f, "`{arg}`")?,
                true => write!(f, "{}", super::error::go_quote(arg))?,
            }
        }
        f.write_str(")")
    }
}

/// Prints a rule that parses to the same tree.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (children, operator) = match self {
            Self::Matcher(call) => return call.fmt(f),
            Self::Not(inner) => {
                return write!(
                    f,
                    "!{}",
                    Grouped(inner, matches!(**inner, Self::And(_) | Self::Or(_)))
                );
            }
            Self::And(children) => (children, " && "),
            Self::Or(children) => (children, " || "),
        };
        for (index, child) in children.iter().enumerate() {
            if index > 0 {
                f.write_str(operator)?;
            }
            let grouped = matches!(
                (self, child),
                (Self::And(_), Self::And(_) | Self::Or(_)) | (Self::Or(_), Self::Or(_))
            );
            Grouped(child, grouped).fmt(f)?;
        }
        Ok(())
    }
}

/// An expression, between parentheses where they are needed.
struct Grouped<'a>(&'a Expr, bool);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            true => write!(f, "({})", self.0),
            false => self.0.fmt(f),
        }
    }
}

impl Expr {
    /// The arguments of every matcher called `name` that must hold, lower-case, in order: those of a matcher that must
    /// not hold are none.
    pub(super) fn values_of(&self, name: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.collect(name, false, &mut out);
        out
    }

    fn collect(&self, name: &str, negated: bool, out: &mut Vec<String>) {
        match self {
            Self::Matcher(call) if call.name == name && !negated => {
                out.extend(call.args.iter().map(|arg| arg.to_lowercase()));
            }
            Self::Matcher(_) => {}
            Self::Not(inner) => inner.collect(name, !negated, out),
            Self::And(children) | Self::Or(children) => {
                children
                    .iter()
                    .for_each(|child| child.collect(name, negated, out));
            }
        }
    }
}

//! A compiled rule: matchers joined by and/or, tested without allocating, explained on request.
//!
//! HTTP and TCP rules share this tree; what a single matcher tests is the leaf's business.

use super::ast::{Call, Expr};
use super::error::Fault;

/// What one matcher of some layer tests.
pub trait Leaf: Sized {
    /// What the matcher looks at.
    type View<'a>;

    fn matches(&self, view: &Self::View<'_>) -> bool;

    /// The value of the request or connection that the matcher compares with, in words, for [`Tree::explain`].
    fn saw(&self, view: &Self::View<'_>) -> String;
}

/// A rule ready to run. `!` has been moved down to the matchers, as Traefik does it.
#[derive(Debug, Clone)]
pub enum Tree<L> {
    Test(Test<L>),
    All(Box<[Tree<L>]>),
    Any(Box<[Tree<L>]>),
}

/// One matcher, with the text to explain it by.
#[derive(Debug, Clone)]
pub struct Test<L> {
    text: Box<str>,
    negated: bool,
    leaf: L,
}

impl<L> Test<L> {
    /// What is tested; see [`Test::negated`].
    pub fn leaf(&self) -> &L {
        &self.leaf
    }

    /// Whether the matcher holds where the leaf does not match.
    pub fn negated(&self) -> bool {
        self.negated
    }
}

/// Why a rule did or did not match one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The matcher as the rule has it, or `&&` or `||`.
    pub text: String,
    pub matched: bool,
    /// What the matcher compared with; none for `&&` and `||`.
    pub saw: Option<String>,
    pub children: Vec<Explanation>,
}

impl Explanation {
    /// The matchers that keep this part of the rule from matching.
    pub fn failures(&self) -> Vec<&Explanation> {
        match (self.matched, self.children.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => vec![self],
            (false, false) => self.children.iter().flat_map(Self::failures).collect(),
        }
    }
}

impl<L: Leaf> Tree<L> {
    /// Whether the rule matches.
    pub fn matches(&self, view: &L::View<'_>) -> bool {
        match self {
            Self::Test(test) => test.matches(view),
            Self::All(children) => children.iter().all(|child| child.matches(view)),
            Self::Any(children) => children.iter().any(|child| child.matches(view)),
        }
    }

    /// Every matcher's result and what it saw, also behind the one that decided.
    pub fn explain(&self, view: &L::View<'_>) -> Explanation {
        let (text, children) = match self {
            Self::Test(test) => return test.explain(view),
            Self::All(children) => ("&&", children),
            Self::Any(children) => ("||", children),
        };
        Explanation {
            text: text.into(),
            matched: self.matches(view),
            saw: None,
            children: children.iter().map(|child| child.explain(view)).collect(),
        }
    }

    /// Compiles `expr` with `leaf`, which makes one matcher of a call; `chained` puts the text around the error of a part
    /// that Traefik puts there, given the operator.
    pub(super) fn compile(
        expr: &Expr,
        leaf: &impl Fn(&Call) -> Result<L, Fault>,
        chained: &impl Fn(Fault, &str) -> Fault,
    ) -> Result<Self, Fault> {
        Self::compile_signed(expr, false, leaf, chained)
    }

    fn compile_signed(
        expr: &Expr,
        negated: bool,
        leaf: &impl Fn(&Call) -> Result<L, Fault>,
        chained: &impl Fn(Fault, &str) -> Fault,
    ) -> Result<Self, Fault> {
        let (children, and) = match expr {
            Expr::Matcher(call) => {
                let text = format!("{}{call}", if negated { "!" } else { "" }).into();
                let leaf = leaf(call).map_err(|fault| fault.at(call.offset))?;
                return Ok(Self::Test(Test {
                    text,
                    negated,
                    leaf,
                }));
            }
            Expr::Not(inner) => return Self::compile_signed(inner, !negated, leaf, chained),
            Expr::And(children) => (children, !negated),
            Expr::Or(children) => (children, negated),
        };
        let mut out = Vec::with_capacity(children.len());
        for (index, child) in children.iter().enumerate() {
            let compiled =
                Self::compile_signed(child, negated, leaf, chained).map_err(|mut fault| {
                    // `a && b && c` is `(a && b) && c` to Traefik, which names the operator on the way up a left side only.
                    let last = children.len() - 1;
                    for _ in 0..if index == 0 { last } else { last - index } {
                        fault = chained(fault, if and { "and" } else { "or" });
                    }
                    fault
                });
            out.push(compiled?);
        }
        Ok(if and {
            Self::All(out.into())
        } else {
            Self::Any(out.into())
        })
    }
}

impl<L: Leaf> Test<L> {
    fn matches(&self, view: &L::View<'_>) -> bool {
        self.leaf.matches(view) != self.negated
    }

    fn explain(&self, view: &L::View<'_>) -> Explanation {
        Explanation {
            text: self.text.to_string(),
            matched: self.matches(view),
            saw: Some(self.leaf.saw(view)),
            children: Vec::new(),
        }
    }
}

/// Checks that all matchers of Traefik make first: there are arguments, and none is empty.
pub(super) fn check_arguments(call: &Call) -> Result<(), Fault> {
    if call.args.is_empty() {
        return Err(Fault::new(format!("no args for matcher {}", call.name))
            .hint("it needs at least one value"));
    }
    if call.args.iter().any(String::is_empty) {
        return Err(Fault::new(format!(
            "empty args for matcher {}, [{}]",
            call.name,
            call.args.join(" ")
        ))
        .hint("no value may be empty"));
    }
    Ok(())
}

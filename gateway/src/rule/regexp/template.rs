//! Replacement texts with `$1` and `${name}`, read once by the rules of Go's `Regexp.Expand`.

use super::GoRegexp;

/// A replacement text, its references resolved.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl GoRegexp {
    /// Reads a replacement text for this expression. A reference to a group that is not there stands for nothing.
    pub fn template(&self, text: &str) -> Template {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                plain.push('$');
                rest = tail;
                continue;
            }
            match reference(after) {
                None => {
                    plain.push('$');
                    rest = after;
                }
                Some((name, tail)) => {
                    if let Some(group) = self.group(name) {
                        if !plain.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut plain)));
                        }
                        parts.push(Part::Group(group));
                    }
                    rest = tail;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Template { parts }
    }

    /// `text` with every match replaced.
    pub fn replace_all(&self, text: &str, template: &Template) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut end = 0;
        for found in self.compiled.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            out.push_str(text.get(end..whole.start()).unwrap_or_default());
            for part in &template.parts {
                match part {
                    Part::Text(plain) => out.push_str(plain),
                    Part::Group(group) => {
                        out.push_str(found.get(*group).map_or("", |group| group.as_str()));
                    }
                }
            }
            end = whole.end();
        }
        out.push_str(text.get(end..).unwrap_or_default());
        out
    }

    fn group(&self, name: &str) -> Option<usize> {
        let number = name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        if number {
            return name
                .parse()
                .ok()
                .filter(|group| *group < self.compiled.captures_len());
        }
        self.compiled
            .capture_names()
            .position(|known| known == Some(name))
    }
}

/// The name after a `$`, and what follows it; `None` where the `$` stands for itself.
fn reference(after: &str) -> Option<(&str, &str)> {
    let (braced, inside) = match after.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, after),
    };
    let end = inside
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(inside.len());
    let (name, tail) = inside.split_at(end);
    if name.is_empty() {
        return None;
    }
    match braced {
        true => tail.strip_prefix('}').map(|tail| (name, tail)),
        false => Some((name, tail)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn expands_as_go_does() {
        for (regexp, template, text, result) in [
            ("^/(.*)$", "/x/$1", "/a", "/x/a"),
            ("(a)(b)", "${2}1$1", "ab", "b1a"),
            ("(a)", "$1x", "a", ""),
            ("(a)", "${1}x", "a", "ax"),
            ("(?P<n>a+)", "[$n|${n}]", "aab", "[aa|aa]b"),
            ("a", "$$1 $ ${ ${} $-", "a", "$1 $ ${ ${} $-"),
            ("a", "$0$9$01", "a", "a"),
            ("x*", "-", "abxd", "-a-b-d-"),
            ("(a)|(b)", "<$2>", "ab", "<><b>"),
        ] {
            let regexp = GoRegexp::new(regexp).unwrap();
            let template = regexp.template(template);
            assert_eq!(regexp.replace_all(text, &template), result, "{text}");
        }
    }
}

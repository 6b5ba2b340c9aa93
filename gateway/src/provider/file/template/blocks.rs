//! Whether every block of a template has its end.
//!
//! The template library takes a missing `end` for one at the end of the file, and drops what follows one too many. A file that is
//! half written would count as whole, and half of another would be lost without a word.

/// A block without an end, or an end without a block: the byte offset of its action, and what is wrong.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let offset = at + start;
        let Some(action) = text.get(offset + 2..).and_then(inside) else {
            // An action without an end; the parser says so.
            break;
        };
        at = offset + 2 + action.len() + 2;
        let word = action.strip_prefix('-').unwrap_or(action).trim_start();
        let word = word
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        match word {
            "if" | "range" | "with" | "define" | "block" => open.push((offset, word)),
            "end" if open.pop().is_none() => {
                return Err((offset, "unexpected {{end}}: no block is open".to_owned()));
            }
            "else" if open.is_empty() => {
                return Err((offset, "unexpected {{else}}: no block is open".to_owned()));
            }
            _ => {}
        }
    }
    match open.last() {
        Some((offset, word)) => Err((
            *offset,
            format!("unexpected EOF: this {word} has no {{{{end}}}}"),
        )),
        None => Ok(()),
    }
}

/// What is inside an action, up to its `}}`. Quoted texts and comments may hold braces.
fn inside(action: &str) -> Option<&str> {
    let trimmed = action.strip_prefix('-').unwrap_or(action).trim_start();
    if trimmed.starts_with("/*") {
        let end = action.find("*/")? + 2;
        return action.get(..end + action.get(end..)?.find("}}")?);
    }
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in action.char_indices() {
        match quote {
            Some('"' | '\'') if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '`' | '\'') => quote = Some(c),
            None if action.get(i..)?.starts_with("}}") => return action.get(..i),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_or_are_named() {
        for text in [
            "{{ if x }}{{ else if y }}{{ else }}{{ end }}",
            "{{- range . -}} {{ with `}} {{ end }}` }}{{ end }}{{- end -}}",
            "{{ endless }} {{ \"{{ end }}\" }} {{/* {{ if }} */}}",
            "{{ unclosed",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, offset) in [
            ("ab {{ if x }} cd", 3),
            ("{{ if x }}{{ end }}{{- end }}", 19),
            ("{{ range . }}{{ if x }}{{ end }}", 0),
            (" {{ else }}", 1),
        ] {
            assert_eq!(check(text).map_err(|(at, _)| at), Err(offset), "{text}");
        }
    }
}

//! Quoted YAML texts whose later lines are indented less than the specification asks for, as libyaml and Go accept them.

/// The text with the later lines of the quoted scalar at `start` (in characters) indented as they should be. Blanks at
/// the begin of such lines are no part of the value. `None` if there is nothing to mend.
pub(super) fn indent(text: &str, start: usize, column: usize) -> Option<String> {
    let (begin, quote) = text.char_indices().nth(start)?;
    if quote != '\'' && quote != '"' {
        return None;
    }
    let body = text.get(begin + 1..)?;
    let end = closing(body, quote)?;
    let (quoted, rest) = body.split_at(end);
    if !quoted.contains('\n') {
        return None;
    }
    let indented = quoted.replace('\n', &format!("\n{}", " ".repeat(column + 1)));
    Some(format!("{}{quote}{indented}{rest}", text.get(..begin)?))
}

/// Where the closing quote stands.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut chars = body.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            _ if c == quote => return Some(i),
            _ => {}
        }
    }
    None
}

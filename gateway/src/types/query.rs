//! Queries of URLs by parameter, as HTML forms write them (WHATWG URL, `application/x-www-form-urlencoded`).

use url::form_urlencoded::parse;

/// The decoded values of a parameter, in their order.
pub fn values<'a>(query: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    parse(query)
        .filter(move |(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The query without a parameter; every other byte stays. `None` where nothing is left.
pub fn without(query: &[u8], name: &str) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = pairs(query).filter(|pair| !is_named(pair, name)).collect();
    (!kept.is_empty()).then(|| kept.join(&b'&'))
}

/// The query with `shown` in place of the parameter's values.
pub fn hiding(query: &[u8], name: &str, shown: &[u8]) -> Vec<u8> {
    let pairs = pairs(query).map(|pair| {
        if is_named(pair, name) {
            [key(pair), b"=", shown].concat()
        } else {
            pair.to_vec()
        }
    });
    pairs.collect::<Vec<_>>().join(&b'&')
}

fn pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|&byte| byte == b'&')
}

fn key(pair: &[u8]) -> &[u8] {
    pair.split(|&byte| byte == b'=').next().unwrap_or_default()
}

fn is_named(pair: &[u8], name: &str) -> bool {
    parse(pair).next().is_some_and(|(known, _)| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_taken_and_hidden_however_it_is_written() {
        let query = b"a=1&k=x%2By&%6B=z+z&&kk=2&k";
        let found: Vec<String> = values(query, "k").collect();
        assert_eq!(found, ["x+y", "z z", ""]);
        assert_eq!(without(query, "k").as_deref(), Some(&b"a=1&&kk=2"[..]));
        assert_eq!(without(b"k=1", "k"), None);
        assert_eq!(without(b"a=%ff", "k").as_deref(), Some(&b"a=%ff"[..]));
        assert_eq!(hiding(query, "k", b"-"), b"a=1&k=-&%6B=-&&kk=2&k=-");
    }
}

//! Sets of HTTP status codes as options write them: `404`, `500-599`.

/// Status codes, each entry one code or an inclusive range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct StatusRanges(Vec<(u16, u16)>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status code or range; write for example \"404\" or \"500-599\"")]
pub struct StatusRangesError(String);

impl StatusRanges {
    /// Parses entries such as `404` and `500-599`. A range whose end is before its start holds nothing, as in Traefik.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, StatusRangesError> {
        let range = |entry: &str| {
            let (from, to) = entry.split_once('-').unwrap_or((entry, entry));
            let number = |text: &str| -> Option<u16> {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            };
            Some((number(from)?, number(to)?))
        };
        entries
            .iter()
            .map(|entry| {
                range(entry.as_ref()).ok_or_else(|| StatusRangesError(entry.as_ref().to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&status))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn codes_and_ranges() {
        let ranges = StatusRanges::parse(&["404", "500-599"]).unwrap();
        assert!(ranges.contains(404) && ranges.contains(500) && ranges.contains(599));
        assert!(!ranges.contains(403) && !ranges.contains(600));
        let reversed = StatusRanges::parse(&["599-500"]).unwrap();
        assert!(!reversed.contains(550));
        for bad in [
            "",
            "x",
            "500-",
            "-500",
            "500 - 599",
            " 404",
            "+404",
            "70000",
        ] {
            assert!(StatusRanges::parse(&[bad]).is_err(), "{bad}");
        }
    }
}

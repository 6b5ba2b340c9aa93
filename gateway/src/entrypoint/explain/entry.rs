//! Which entry point a URL leads to, where none is named.

use super::request::Url;
use crate::runtime::explanation::Question;

/// An entry point to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    pub name: String,
    pub port: u16,
    /// Whether routers that name no entry point are on it.
    pub default: bool,
}

/// The place in `doors` of the entry point that `question` means, and why.
pub fn choose(doors: &[Door], question: &Question) -> Result<(usize, String), String> {
    let names = || {
        let names: Vec<&str> = doors.iter().map(|door| door.name.as_str()).collect();
        names.join(", ")
    };
    if let Some(name) = &question.entry_point {
        let found = doors.iter().position(|door| door.name == *name);
        return match found {
            Some(place) => Ok((place, "it was named".to_owned())),
            None => Err(format!(
                "there is no entry point {name:?}; there are {}",
                names()
            )),
        };
    }
    let url = Url::parse(&question.url)?;
    let mut port = url.port();
    if question.tls && port == Some(80) && !url.authority.contains(':') {
        port = Some(443);
    }
    if let Some(port) = port
        && let Some(place) = doors.iter().position(|door| door.port == port)
    {
        return Ok((place, format!("it listens on port {port}")));
    }
    match doors.iter().position(|door| door.default) {
        Some(place) => Ok((
            place,
            "no entry point listens on the URL's port; this is the first that routers are on by default".to_owned(),
        )),
        None => Err(format!("name an entry point; there are {}", names())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_by_port_and_by_default() {
        let door = |name: &str, port, default| Door {
            name: name.to_owned(),
            port,
            default,
        };
        let doors = [
            door("admin", 8080, false),
            door("web", 80, true),
            door("websecure", 443, true),
        ];
        let chosen = |url: &str, tls: bool, name: Option<&str>| {
            let question = Question {
                method: "GET".to_owned(),
                url: url.to_owned(),
                headers: Vec::new(),
                client_ip: None,
                tls,
                entry_point: name.map(str::to_owned),
            };
            choose(&doors, &question).map(|(place, _)| doors[place].name.clone())
        };
        let named = |name: &str| Ok(name.to_owned());
        assert_eq!(chosen("http://a/", false, None), named("web"));
        assert_eq!(chosen("https://a/", false, None), named("websecure"));
        assert_eq!(chosen("http://a/", true, None), named("websecure"));
        assert_eq!(chosen("http://a:8080/", false, None), named("admin"));
        assert_eq!(chosen("/x", false, None), named("web"));
        assert_eq!(chosen("http://a:9/", false, None), named("web"));
        assert_eq!(chosen("http://a/", false, Some("admin")), named("admin"));
        assert!(chosen("http://a/", false, Some("none")).is_err());
    }
}

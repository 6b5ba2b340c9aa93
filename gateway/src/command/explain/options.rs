//! The command line of `explain`.

use crate::command::options::{Format, split_format, value_of};
use crate::runtime::explanation::Question;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) question: Question,
    pub(super) format: Format,
    /// Flags of the gateway.
    pub(super) rest: Vec<String>,
}

impl Options {
    /// Takes arguments apart; `None` where help is asked for.
    pub(super) fn parse(args: Vec<String>) -> Result<Option<Self>, String> {
        let (format, args) = split_format(args)?;
        let mut question = Question {
            method: String::new(),
            url: String::new(),
            headers: Vec::new(),
            client_ip: None,
            tls: false,
            entry_point: None,
        };
        let mut plain = Vec::new();
        let mut rest = Vec::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if matches!(arg.as_str(), "--help" | "-h") {
                return Ok(None);
            }
            if arg == "--tls" {
                question.tls = true;
            } else if let Some(field) =
                value_of("-H", &arg, &mut args).or_else(|| value_of("--header", &arg, &mut args))
            {
                question.headers.push(header(&field)?);
            } else if let Some(ip) = value_of("--client-ip", &arg, &mut args) {
                let ip = ip
                    .parse()
                    .map_err(|_| format!("--client-ip: {ip:?} is no address"))?;
                question.client_ip = Some(ip);
            } else if let Some(name) = value_of("--entry-point", &arg, &mut args) {
                question.entry_point = Some(name);
            } else if !arg.starts_with('-') && plain.len() < 2 {
                plain.push(arg);
            } else {
                let own_value = arg.starts_with('-') && !arg.contains('=');
                let is_switch = !arg.to_ascii_lowercase().ends_with("configfile");
                rest.push(arg);
                // `--configFile traefik.yml`: the value is no URL.
                if own_value && !is_switch {
                    rest.extend(args.next());
                }
            }
        }
        let [method, url] = <[String; 2]>::try_from(plain).map_err(|_| {
            "write a method and a URL: gateway explain GET https://a.test/".to_owned()
        })?;
        question.method = method;
        question.url = url;
        Ok(Some(Self {
            question,
            format,
            rest,
        }))
    }
}

fn header(field: &str) -> Result<(String, String), String> {
    let (name, value) = field
        .split_once(':')
        .ok_or_else(|| format!("-H {field:?}: write 'Name: value'"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>, String> {
        Options::parse(args.iter().map(|&arg| arg.to_owned()).collect())
    }

    #[test]
    fn ours_and_the_gateways() {
        let options = parse(&[
            "--configFile",
            "t.yml",
            "GET",
            "https://a.test/x",
            "-H",
            "X-A: 1",
            "--client-ip=::1",
            "--format",
            "json",
            "--entry-point=web",
            "--api.insecure=true",
        ]);
        let options = options.unwrap().unwrap();
        assert_eq!(
            options.rest,
            ["--configFile", "t.yml", "--api.insecure=true"]
        );
        assert_eq!(options.format, Format::Json);
        assert_eq!(options.question.url, "https://a.test/x");
        assert_eq!(
            options.question.headers,
            [("X-A".to_owned(), "1".to_owned())]
        );
        assert_eq!(options.question.entry_point.as_deref(), Some("web"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(parse(&["GET"]).unwrap_err().contains("a URL"));
        assert!(
            parse(&["GET", "/", "-H", "x"])
                .unwrap_err()
                .contains("Name: value")
        );
        assert!(parse(&["GET", "/", "--client-ip=x"]).is_err());
        assert_eq!(parse(&["--help"]), Ok(None));
    }
}

//! Puts the files of a directory together: of objects with one name the first stays.

use std::collections::BTreeMap;

use crate::config::Problem;
use crate::config::dynamic::{Dynamic, Http, Parsed, Tcp, Tls, Udp};
use crate::config::tree::Position;

/// Merges in the order given. A name that is there already is left out with a warning, unless both are alike.
pub fn merge(files: Vec<(String, Parsed)>) -> Parsed {
    let mut whole = Parsed::default();
    for (
        file,
        Parsed {
            config,
            mut warnings,
        },
    ) in files
    {
        whole.warnings.append(&mut warnings);
        let mut merge = Merge {
            file: &file,
            warnings: &mut whole.warnings,
        };
        merge.dynamic(&mut whole.config, config);
    }
    whole
}

struct Merge<'a> {
    file: &'a str,
    warnings: &'a mut Vec<Problem>,
}

impl Merge<'_> {
    fn dynamic(&mut self, whole: &mut Dynamic, part: Dynamic) {
        if let Some(part) = part.http {
            let whole = whole.http.get_or_insert_default();
            let Http {
                routers,
                services,
                middlewares,
                models: _,
                servers_transports,
            } = part;
            self.map("http.routers", &mut whole.routers, routers);
            self.map("http.services", &mut whole.services, services);
            self.map("http.middlewares", &mut whole.middlewares, middlewares);
            self.map(
                "http.serversTransports",
                &mut whole.servers_transports,
                servers_transports,
            );
        }
        if let Some(part) = part.tcp {
            let whole = whole.tcp.get_or_insert_default();
            let Tcp {
                routers,
                services,
                middlewares,
                servers_transports,
            } = part;
            self.map("tcp.routers", &mut whole.routers, routers);
            self.map("tcp.services", &mut whole.services, services);
            self.map("tcp.middlewares", &mut whole.middlewares, middlewares);
            self.map(
                "tcp.serversTransports",
                &mut whole.servers_transports,
                servers_transports,
            );
        }
        if let Some(Udp { routers, services }) = part.udp {
            let whole = whole.udp.get_or_insert_default();
            self.map("udp.routers", &mut whole.routers, routers);
            self.map("udp.services", &mut whole.services, services);
        }
        if let Some(Tls {
            certificates,
            options,
            stores,
        }) = part.tls
        {
            let whole = whole.tls.get_or_insert_default();
            for certificate in certificates {
                if !whole.certificates.contains(&certificate) {
                    whole.certificates.push(certificate);
                }
            }
            self.map("tls.options", &mut whole.options, options);
            self.map("tls.stores", &mut whole.stores, stores);
        }
    }

    fn map<T: PartialEq>(
        &mut self,
        section: &str,
        whole: &mut BTreeMap<String, T>,
        part: BTreeMap<String, T>,
    ) {
        if whole.is_empty() {
            *whole = part;
            return;
        }
        for (name, object) in part {
            match whole.get(&name) {
                None => {
                    whole.insert(name, object);
                }
                Some(first) if *first == object => {}
                Some(_) => self.warnings.push(Problem {
                    at: Position::named(self.file),
                    path: format!("{section}.{name}"),
                    message:
                        "another file has an object of this name, which stays; this one is ignored"
                            .to_owned(),
                    hint: None,
                }),
            }
        }
    }
}

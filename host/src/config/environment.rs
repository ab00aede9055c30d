//! The `HOLDFAST_*` variables. Called by `layers`; it never reads the process's environment itself.

use super::keys::{KEYS, Key, PREFIX, is_free, nearest};
use super::layers::{Origin, Value, Values};
use std::ffi::OsString;
use std::path::PathBuf;

/// Names the config file, as `--config` does.
const FILE: &str = "HOLDFAST_CONFIG";

/// Names and values, sorted by name.
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Takes the variables over. Those of Holdfast must be UTF-8; others that are not are left out.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        errors: &mut Vec<String>,
    ) -> Self {
        let mut list = Vec::new();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => list.push((name, value)),
                (Ok(name), Err(_)) if name.starts_with(PREFIX) => {
                    errors.push(format!("the value of the variable {name} is not UTF-8"))
                }
                (Err(name), _) if name.to_string_lossy().starts_with(PREFIX) => {
                    errors.push(format!(
                        "the name of the variable {} is not UTF-8",
                        name.to_string_lossy()
                    ));
                }
                _ => {}
            }
        }
        list.sort();
        Self(list)
    }

    /// A variable that is set and not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The config file it names.
    pub fn config_file(&self) -> Option<PathBuf> {
        self.text(FILE).map(PathBuf::from)
    }

    /// Where state is kept by default: in the user's cache folder, or else in a temporary one.
    pub fn state_dir(&self) -> PathBuf {
        // A relative path is to be ignored (XDG Base Directory Specification).
        let folder = |name: &str| {
            self.text(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        cache.map_or_else(
            || {
                let user: String = self
                    .text("USER")
                    .unwrap_or_default()
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .collect();
                let name = if user.is_empty() {
                    "holdfast".to_owned()
                } else {
                    format!("holdfast-{user}")
                };
                folder("TMPDIR")
                    .unwrap_or_else(|| PathBuf::from("/tmp"))
                    .join(name)
            },
            |cache| cache.join("holdfast"),
        )
    }

    /// Adds what the variables say.
    pub fn read(&self, values: &mut Values, errors: &mut Vec<String>) {
        for (variable, text) in &self.0 {
            let Some(rest) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            if variable == FILE {
                continue;
            }
            match name_of(variable, rest) {
                Some(name) => {
                    values.insert(
                        name,
                        Value {
                            text: text.clone(),
                            origin: Origin::Variable(variable.clone()),
                        },
                    );
                }
                None if is_of_kubernetes(rest, text) => {}
                None if rest.starts_with("APPS_") => errors.push(format!(
                    "the variable {variable} is not known: several apps are given in the config file only, below [apps.NAME]"
                )),
                None => {
                    let known = KEYS
                        .iter()
                        .map(|key| key.variable().split_off(PREFIX.len()));
                    let hint = nearest(rest, known).map_or_else(
                        || "see holdfast --help".to_owned(),
                        |near| format!("did you mean {PREFIX}{near}?"),
                    );
                    errors.push(format!("the variable {variable} is not known: {hint}"));
                }
            }
        }
    }
}

/// The setting that a variable is for.
fn name_of(variable: &str, rest: &str) -> Option<String> {
    let of_host = KEYS
        .iter()
        .find(|key| Key::variable(key) == variable)
        .map(|key| key.name.to_owned());
    let of_app = || {
        rest.strip_prefix("APP_ENV_")
            .map(|name| format!("app.env.{name}"))
    };
    let of_guest = || {
        rest.strip_prefix("PROTOCOL_")
            .map(|name| format!("protocol.{}", name.to_lowercase().replace("__", ".")))
    };
    of_host.or_else(|| of_app().or_else(of_guest).filter(|name| is_free(name)))
}

/// Kubernetes tells every pod of every service. For one called `holdfast` these are variables such as
/// `HOLDFAST_SERVICE_HOST` and `HOLDFAST_PORT=tcp://10.0.0.1:80`: not meant for us, and no mistake.
fn is_of_kubernetes(rest: &str, text: &str) -> bool {
    let after_port = rest.rsplit_once("PORT_").map(|(_, after)| after);
    let of_one_port = after_port.is_some_and(|after| {
        after.split_once('_').is_some_and(|(port, kind)| {
            port.parse::<u16>().is_ok()
                && ["TCP", "UDP", "SCTP"]
                    .iter()
                    .any(|known| kind.starts_with(known))
        })
    });
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    rest.ends_with("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || of_one_port
        || (rest.ends_with("PORT") && is_url)
        || ["_TCP_PORT", "_TCP_ADDR", "_TCP_PROTO"]
            .iter()
            .any(|end| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let mut errors = Vec::new();
        let environment = Environment::new(
            variables
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
            &mut errors,
        );
        assert_eq!(errors, Vec::<String>::new());
        environment
    }

    #[test]
    fn state_is_kept_with_the_user() {
        let state = |variables: &[(&str, &str)]| {
            environment(variables)
                .state_dir()
                .to_string_lossy()
                .into_owned()
        };
        assert_eq!(
            state(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]),
            "/c/holdfast"
        );
        assert_eq!(
            state(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]),
            "/h/.cache/holdfast"
        );
        assert_eq!(
            state(&[("HOME", ""), ("TMPDIR", "/t"), ("USER", "../me")]),
            "/t/holdfast-me"
        );
        assert_eq!(state(&[]), "/tmp/holdfast");
    }

    #[test]
    fn variables_of_kubernetes_are_left_alone() {
        let theirs = [
            ("HOLDFAST_SERVICE_HOST", "10.0.0.1"),
            ("HOLDFAST_SERVICE_PORT", "80"),
            ("HOLDFAST_SERVICE_PORT_HTTP", "80"),
            ("HOLDFAST_PORT", "tcp://10.0.0.1:80"),
            ("HOLDFAST_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("HOLDFAST_PORT_80_TCP_ADDR", "10.0.0.1"),
        ];
        let (mut values, mut errors) = (Values::new(), Vec::new());
        environment(&theirs).read(&mut values, &mut errors);
        assert!(values.is_empty() && errors.is_empty(), "{errors:?}");
        environment(&[("HOLDFAST_PORT", "80")]).read(&mut values, &mut errors);
        assert_eq!(
            errors,
            ["the variable HOLDFAST_PORT is not known: see holdfast --help"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_text_is_an_error_if_it_is_ours() {
        use std::os::unix::ffi::OsStringExt;
        let raw = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let mut errors = Vec::new();
        let variables = [
            (raw(b"HOLDFAST_LOG"), raw(b"\xff")),
            (raw(b"HOLDFAST_\xff"), raw(b"1")),
            (raw(b"OTHER"), raw(b"\xff")),
        ];
        Environment::new(variables, &mut errors);
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}

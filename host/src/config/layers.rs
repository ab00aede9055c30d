//! Puts a config together: flags over environment over file over defaults. Called by `cli` with the
//! process's arguments and environment, by tests with others. It opens nothing but the config file.

use super::environment::Environment;
use super::keys::{KEYS, Kind, known, of_named_app};
use super::{APPS_MAX, AppConfig, Config, Limits, ProtocolConfig, file, flags, print, values};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Serve.
    Run,
    /// Load and start everything, then exit.
    Check,
    /// Tell what a guest file is.
    Inspect(PathBuf),
    /// Build an app.
    Build {
        /// The folder of a `Cargo.toml`, or a script.
        source: PathBuf,
        /// What to write.
        file: PathBuf,
        /// Whether a script becomes a component.
        component: bool,
    },
    /// Begin a project.
    New {
        /// Its folder.
        name: String,
        /// In Rust, and not in TypeScript.
        rust: bool,
    },
    /// Show the config and where each value came from.
    PrintConfig(String),
    /// `--help` or `--version`: print this.
    Say(String),
}

/// A command with the config for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// What to do.
    pub what: What,
    /// With which settings.
    pub config: Config,
}

/// Everything that is wrong with the settings, a sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.join("\n"))
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value, not yet checked.
    pub text: String,
    /// Who said so.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of settings.
    Default,
    /// A line of the config file.
    File { path: PathBuf, line: usize },
    /// An environment variable.
    Variable(String),
    /// A flag, without the dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => formatter.write_str(name),
            Self::Flag(name) => write!(formatter, "--{name}"),
        }
    }
}

/// All values by name, with the layers above on top.
pub type Values = BTreeMap<String, Value>;

/// Reads the command line, the environment and the config file.
///
/// # Errors
/// All that is wrong, each with the key, the value and what is allowed.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    folder: &Path,
) -> Result<CommandLine, ConfigErrors> {
    let matches = match flags::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            return Ok(CommandLine {
                what: What::Say(error.to_string()),
                config: Config::default(),
            });
        }
        Err(error) => {
            let text = error.to_string();
            let text = text.trim_end();
            let mut errors = vec![text.strip_prefix("error: ").unwrap_or(text).to_owned()];
            if text.contains("--apps-") {
                errors.push(
                    "several apps are given in the config file only, below [apps.NAME]".to_owned(),
                );
            }
            return Err(ConfigErrors(errors));
        }
    };
    let mut errors = Vec::new();
    let environment = Environment::new(environment, &mut errors);
    let mut values = default_values(&environment);
    let named = flags::config_file(&matches).or_else(|| environment.config_file());
    file::read(named.as_deref(), folder, &mut values, &mut errors);
    environment.read(&mut values, &mut errors);
    flags::read(&matches, &mut values, &mut errors);
    check_guest_settings(&values, &mut errors);
    check_apps(&mut values, &mut errors);
    let config = build(&values, &mut errors);
    if !errors.is_empty() {
        return Err(ConfigErrors(errors));
    }
    let what = match matches.subcommand() {
        _ if flags::prints_config(&matches) => What::PrintConfig(print::print(&values)),
        Some(("build", inner)) => What::Build {
            source: inner
                .get_one::<PathBuf>("SOURCE")
                .cloned()
                .unwrap_or_default(),
            file: inner
                .get_one::<PathBuf>("FILE")
                .cloned()
                .unwrap_or_default(),
            component: inner.get_flag(flags::COMPONENT),
        },
        Some(("new", inner)) => What::New {
            name: inner.get_one::<String>("NAME").cloned().unwrap_or_default(),
            rust: inner.get_flag(flags::RUST),
        },
        Some(("inspect", inner)) => What::Inspect(
            inner
                .get_one::<PathBuf>("FILE")
                .cloned()
                .unwrap_or_default(),
        ),
        Some(("check", _)) => What::Check,
        _ => What::Run,
    };
    Ok(CommandLine { what, config })
}

/// The config that no file, variable or flag has changed. State is kept in a temporary folder.
pub fn defaults() -> Config {
    let nothing = Environment::new([], &mut Vec::new());
    build(&default_values(&nothing), &mut Vec::new())
}

fn default_values(environment: &Environment) -> Values {
    let state_dir = environment.state_dir().to_string_lossy().into_owned();
    KEYS.iter()
        .map(|key| {
            let text = if key.name == "state_dir" {
                state_dir.clone()
            } else {
                key.default.to_owned()
            };
            (
                key.name.to_owned(),
                Value {
                    text,
                    origin: Origin::Default,
                },
            )
        })
        .collect()
}

/// Builds the config, with the defaults in place of what is wrong.
fn build(values: &Values, errors: &mut Vec<String>) -> Config {
    let mut reader = Reader { values, errors };
    Config {
        listen: reader.read("listen", |text, _| values::addresses(text)),
        shards: reader.read("shards", |text, _| values::shards(text)),
        state_dir: reader.read("state_dir", |text, _| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        }),
        page: reader.read("page", |text, _| values::bool(text)),
        serve_client: reader.read("serve_client", |text, _| values::bool(text)),
        log: reader.read("log", |text, _| values::filter(text)),
        log_format: reader.read("log_format", |text, _| values::log_format(text)),
        protocol: ProtocolConfig {
            file: reader.path("protocol.file"),
            memory_bytes_max: reader.number("protocol.memory_bytes_max"),
            deadline_ms: reader.number("protocol.deadline_ms"),
            settings: guest_settings(values),
        },
        app: reader.app("app"),
        apps: app_names(values)
            .into_iter()
            .map(|name| (name.to_owned(), reader.app(&format!("apps.{name}"))))
            .collect(),
        watch: reader.read("watch", |text, _| values::bool(text)),
        limits: Limits {
            connections_max: reader.count("limits.connections_max"),
            connections_per_address_max: reader.count("limits.connections_per_address_max"),
            outbox_bytes_max: reader.number("limits.outbox_bytes_max"),
            request_head_bytes_max: reader.number("limits.request_head_bytes_max"),
            request_head_timeout_ms: reader.number("limits.request_head_timeout_ms"),
            body_timeout_ms: reader.number("limits.body_timeout_ms"),
            close_timeout_ms: reader.number("limits.close_timeout_ms"),
            write_timeout_ms: reader.number("limits.write_timeout_ms"),
            messages_per_second_max: u32::try_from(reader.number("limits.messages_per_second_max"))
                .unwrap_or_default(),
            frames_per_turn_max: reader.count("limits.frames_per_turn_max"),
            turn_bytes_max: reader.number("limits.turn_bytes_max"),
            shutdown_timeout_ms: reader.number("limits.shutdown_timeout_ms"),
        },
    }
}

/// The protocol guest's settings that somebody gave. `serve_client` may stand above the sections too.
fn guest_settings(values: &Values) -> Vec<(String, String)> {
    let mut settings = free(values, "protocol.");
    // Above the sections only what differs from the default says something.
    if values
        .get("serve_client")
        .and_then(|value| values::bool(&value.text))
        == Some(false)
    {
        settings.push(("serve_client".to_owned(), "false".to_owned()));
    }
    settings
}

/// The apps that have a section each.
fn app_names(values: &Values) -> BTreeSet<&str> {
    let names = values.keys().filter_map(|name| of_named_app(name));
    names.map(|(app, _)| app).collect()
}

/// One app below `[app]`, or several below `[apps.NAME]`, but not more than there can be.
fn check_apps(values: &mut Values, errors: &mut Vec<String>) {
    let count = app_names(values).len();
    let named = values
        .iter()
        .find(|(name, value)| of_named_app(name).is_some() && value.origin != Origin::Default)
        .or_else(|| values.iter().find(|(name, _)| of_named_app(name).is_some()))
        .map(|(name, value)| (name.clone(), value.origin.clone()));
    let Some((named, origin)) = named else {
        return;
    };
    if count > APPS_MAX {
        errors.push(format!(
            "there are {count} apps below [apps.NAME], at most {APPS_MAX} can be run"
        ));
    }
    let one = values
        .iter()
        .find(|(name, value)| name.starts_with("app.") && value.origin != Origin::Default);
    if let Some((one, value)) = one {
        let is_given = matches!(value.origin, Origin::Flag(_) | Origin::Variable(_));
        let advice = if is_given {
            "several apps are given in the config file only, where each of them has its settings below [apps.NAME]: give none here, or remove [apps.NAME] from the file"
        } else {
            "one app is set below [app], several are set below [apps.NAME] each: give the one a name too, [apps.app]"
        };
        errors.push(format!(
            "{one} ({}) and {named} ({origin}) cannot both be set: {advice}",
            value.origin
        ));
    }
    // There is no such app: nothing is said of it.
    values.retain(|name, _| !name.starts_with("app."));
}

/// What the table of settings cannot say of the protocol guest's: one name is a value or a table, and
/// `serve_client` is set in one place.
fn check_guest_settings(values: &Values, errors: &mut Vec<String>) {
    let free = values
        .iter()
        .filter(|(name, _)| name.starts_with("protocol.") && known(name).is_none());
    for (name, value) in free {
        let tables = name.match_indices('.').map(|(at, _)| name.split_at(at).0);
        for (table, outer) in tables.filter_map(|table| values.get_key_value(table)) {
            errors.push(format!(
                "{table} ({}) is a value and {name} ({}) a part of it: only one of them can be set",
                outer.origin, value.origin
            ));
        }
    }
    if let (Some(short), Some(long)) = (
        values.get("serve_client"),
        values.get("protocol.serve_client"),
    ) && short.origin != Origin::Default
    {
        errors.push(format!(
            "serve_client ({}) and protocol.serve_client ({}) are the same setting: only one of them can be set",
            short.origin, long.origin
        ));
    }
}

/// The values of a group that takes any name.
fn free(values: &Values, prefix: &str) -> Vec<(String, String)> {
    values
        .iter()
        .filter(|(name, _)| known(name).is_none())
        .filter_map(|(name, value)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.text.clone()))
        })
        .collect()
}

struct Reader<'a> {
    values: &'a Values,
    errors: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// The settings of an app below this section.
    fn app(&mut self, section: &str) -> AppConfig {
        let name = |key: &str| format!("{section}.{key}");
        AppConfig {
            file: self.path(&name("file")),
            instances: self.read(&name("instances"), |text, _| values::instances(text)),
            memory_bytes_max: self.number(&name("memory_bytes_max")),
            deadline_ms: self.number(&name("deadline_ms")),
            timers_max: self.count(&name("timers_max")),
            log_lines_max: self.count(&name("log_lines_max")),
            fetch_hosts: self.read(&name("fetch_hosts"), |text, _| Some(values::words(text))),
            fetch_private: self.read(&name("fetch_private"), |text, _| values::bool(text)),
            fetch_ca_file: self.path(&name("fetch_ca_file")),
            fetches_max: self.count(&name("fetches_max")),
            env: free(self.values, &name("env.")),
        }
    }

    /// The value, or the default of one that nobody gave. One that is not allowed is an error, and what
    /// stands in for it is never used.
    fn read<T: Default>(&mut self, name: &str, parse: impl Fn(&str, Kind) -> Option<T>) -> T {
        let Some(key) = known(name) else {
            return T::default();
        };
        let text = self
            .values
            .get(name)
            .map_or(key.default, |value| value.text.as_str());
        parse(text, key.kind).unwrap_or_else(|| {
            let origin = self
                .values
                .get(name)
                .map_or(&Origin::Default, |value| &value.origin);
            self.errors.push(format!(
                "{name} = {text:?} ({origin}): allowed is {}",
                key.kind.allowed()
            ));
            T::default()
        })
    }

    fn number(&mut self, name: &str) -> u64 {
        self.read(name, |text, kind| match kind {
            Kind::Number(min, max) => values::number(text, min, max),
            Kind::Bytes(min, max) => values::bytes(text, min, max),
            _ => None,
        })
    }

    fn count(&mut self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.values
            .get(name)
            .map(|value| value.text.as_str())
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Instances;
    use super::*;

    fn try_load(
        arguments: &[&str],
        environment: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<CommandLine, ConfigErrors> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("holdfast-config-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(text) = file {
            std::fs::write(folder.join("holdfast.toml"), text).unwrap();
        }
        let arguments = ["holdfast"].iter().chain(arguments).map(OsString::from);
        let environment = environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let loaded = load(arguments, environment, &folder);
        std::fs::remove_dir_all(folder).unwrap();
        loaded
    }

    fn config(arguments: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> Config {
        try_load(arguments, environment, file).unwrap().config
    }

    fn errors(arguments: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> String {
        try_load(arguments, environment, file)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn every_default_is_allowed() {
        let mut errors = Vec::new();
        let config = build(
            &default_values(&Environment::new([], &mut Vec::new())),
            &mut errors,
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(config.limits.outbox_bytes_max, 16 << 20);
        assert_eq!(config.listen, ["[::]:3000".parse().unwrap()]);
    }

    #[test]
    fn flags_win_over_variables_over_the_file() {
        let file = "shards = 2\nlisten = [\"127.0.0.1:1\", \":2\"]\n[app]\ndeadline_ms = 20\n[limits]\noutbox_bytes_max = \"1MiB\"";
        let loaded = config(
            &["--shards", "4"],
            &[("HOLDFAST_SHARDS", "3"), ("HOLDFAST_APP_DEADLINE_MS", "30")],
            Some(file),
        );
        assert_eq!(
            (
                loaded.shards.count(),
                loaded.app.deadline_ms,
                loaded.listen.len(),
                loaded.limits.outbox_bytes_max
            ),
            (4, 30, 2, 1 << 20)
        );
        assert_eq!(
            config(&["run", "--shards", "5"], &[], Some(file))
                .shards
                .count(),
            5
        );
    }

    #[test]
    fn guests_get_their_own_settings() {
        let file = "[protocol]\nping_interval = 1000\ntransports = [\"polling\", \"websocket\"]\n[app.env]\nTOKEN = \"a\"";
        let loaded = config(
            &[
                "--protocol-set",
                "ping_timeout=5",
                "--app-env",
                "X=1=2",
                "--app",
                "a.wasm",
            ],
            &[
                ("HOLDFAST_PROTOCOL_PING_INTERVAL", "7"),
                ("HOLDFAST_APP_ENV_Y", "z"),
            ],
            Some(file),
        );
        let pairs = |list: &[(String, String)]| {
            list.iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            pairs(&loaded.protocol.settings),
            "ping_interval=7 ping_timeout=5 transports=[\"polling\",\"websocket\"]"
        );
        assert_eq!(pairs(&loaded.app.env), "TOKEN=a X=1=2 Y=z");
        assert_eq!(loaded.app.file, Some(PathBuf::from("a.wasm")));
    }

    #[test]
    fn several_apps_have_a_section_each() {
        let file = "[apps.chat]\nfile = \"chat.wasm\"\ninstances = \"per-shard\"\nfetch_hosts = [\"a.example\", \"b.example\"]\n\
            [apps.chat.env]\nTOKEN = \"a\"\nfile = \"b\"\n[apps.a-1_b]\ndeadline_ms = 20\n[apps.empty]";
        let loaded = try_load(&["--print-config"], &[], Some(file)).unwrap();
        let apps = loaded.config.all_apps();
        let names: Vec<_> = apps.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["a-1_b", "chat", "empty"]);
        let chat = loaded.config.apps.get("chat").unwrap();
        assert!(
            chat.file
                .as_ref()
                .is_some_and(|file| file.ends_with("chat.wasm"))
        );
        assert_eq!(chat.instances, Instances::PerShard);
        assert_eq!(chat.fetch_hosts, ["a.example", "b.example"]);
        let env: Vec<_> = chat.env.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(env, ["TOKEN", "file"]);
        assert_eq!(loaded.config.apps.get("a-1_b").unwrap().deadline_ms, 20);
        let empty = loaded.config.apps.get("empty").unwrap();
        assert_eq!(*empty, Config::default().app);
        // What is shown means the same again; secrets are hidden.
        let What::PrintConfig(text) = loaded.what else {
            panic!("the config is printed")
        };
        assert_eq!(text.matches("[apps.chat]").count(), 1);
        assert_eq!(text.matches("file = \"b\"").count(), 1);
        assert!(!text.contains("[app]"), "{text}");
        let mut again = config(&[], &[], Some(&text)).apps;
        again
            .get_mut("chat")
            .unwrap()
            .env
            .insert(0, ("TOKEN".to_owned(), "a".to_owned()));
        assert_eq!(again, loaded.config.apps);
        assert_eq!(config(&[], &[], Some("[apps]")).all_apps().len(), 1);
    }

    #[test]
    fn watching_needs_no_value() {
        let loaded = config(&["run", "--watch", "app.ts"], &[], None);
        assert!(loaded.watch && loaded.app.file == Some(PathBuf::from("app.ts")));
        assert!(!config(&["--watch=false"], &[], Some("watch = true")).watch);
    }

    #[test]
    fn wrong_apps_are_refused() {
        let both = errors(
            &[],
            &[],
            Some("[app]\ndeadline_ms = 20\n[apps.chat]\ndeadline_ms = 30"),
        );
        assert!(
            both.starts_with("app.deadline_ms (holdfast.toml:2) and apps.chat.deadline_ms (holdfast.toml:4) cannot both be set")
                && both.contains("[apps.app]"),
            "{both}"
        );
        for (flags, variables) in [
            (&["--app", "a.wasm"][..], &[][..]),
            (&[], &[("HOLDFAST_APP_ENV_X", "1")]),
        ] {
            let given = errors(flags, variables, Some("[apps.chat]"));
            assert!(given.contains("in the config file only"), "{given}");
        }
        let given = errors(&["--apps-chat-file", "a.wasm"], &[], None);
        assert!(given.contains("in the config file only"), "{given}");
        let given = errors(&[], &[("HOLDFAST_APPS_CHAT_FILE", "a.wasm")], None);
        assert!(given.contains("in the config file only"), "{given}");
        for (file, expected) in [
            ("[apps.Chat]", "an app cannot be called \"Chat\""),
            ("[apps.\"a.b\"]", "the section apps.a.b is not known"),
            (
                "[apps]\nfile = \"x\"",
                "apps.file is not a section of an app",
            ),
            ("apps = 1", "apps is not a section of an app"),
            ("[apps.chat]\nenv = 1", "apps.chat.env is not a section"),
            (
                "[apps.chat]\ntimer_max = 1",
                "did you mean apps.chat.timers_max?",
            ),
            (
                "[apps.chat]\ntimers_max = 0",
                "apps.chat.timers_max = \"0\" (holdfast.toml:2): allowed is",
            ),
            ("[apps.chat.limits]\nx = 1", "apps.chat.limits"),
        ] {
            let wrong = errors(&[], &[], Some(file));
            assert!(wrong.contains(expected), "{file}: {wrong}");
        }
        let many: String = (0..=APPS_MAX)
            .map(|app| format!("[apps.a{app}]\n"))
            .collect();
        let wrong = errors(&[], &[], Some(&many));
        assert!(wrong.contains("there are 1025 apps"), "{wrong}");
    }

    #[test]
    fn tables_of_the_guest_are_names_with_dots() {
        let file = "[protocol]\ncookie.name = \"io\"\nlist = [1, true, 1.5, \"a,\\\"b\"]\n\
            [protocol.cors]\norigin = [\"https://a\", \"/re/\"]\ncredentials = true\n\
            [protocol.cors.deep]\nmax_age = 5";
        let variables = [
            ("HOLDFAST_PROTOCOL_CORS__MAX_AGE", "7"),
            ("HOLDFAST_PROTOCOL_COOKIE__NAME", "x"),
        ];
        let flags = ["--protocol-set", "connection_state_recovery.max=9"];
        let loaded = config(&flags, &variables, Some(file));
        let expected = [
            ("connection_state_recovery.max", "9"),
            ("cookie.name", "x"),
            ("cors.credentials", "true"),
            ("cors.deep.max_age", "5"),
            ("cors.max_age", "7"),
            ("cors.origin", "[\"https://a\",\"/re/\"]"),
            ("list", "[1,true,1.5,\"a,\\\"b\"]"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(loaded.protocol.settings, expected);
        let printed = ["--print-config"].iter().chain(&flags).copied();
        let printed: Vec<&str> = printed.collect();
        let Ok(CommandLine {
            what: What::PrintConfig(text),
            ..
        }) = try_load(&printed, &variables, Some(file))
        else {
            panic!("not printed");
        };
        assert_eq!(config(&[], &[], Some(&text)), loaded, "{text}");
    }

    #[test]
    fn a_setting_of_the_guest_is_set_in_one_way() {
        let error = errors(
            &["--protocol-set", "cors=true"],
            &[],
            Some("[protocol.cors]\norigin = true"),
        );
        assert_eq!(
            error,
            "protocol.cors (--protocol-set) is a value and protocol.cors.origin (holdfast.toml:2) a part of it: only one of them can be set"
        );
        let file = Some("[protocol]\nserve_client = false");
        let error = errors(&["--serve-client", "true"], &[], file);
        assert!(error.contains("are the same setting"), "{error}");
        assert!(config(&[], &[], file).serve_client);
        let error = errors(&[], &[("HOLDFAST_PROTOCOL_CORS___X", "1")], None);
        assert!(error.contains("is not known"), "{error}");
    }

    #[test]
    fn errors_name_key_value_and_what_is_allowed() {
        let all = errors(
            &["--shards", "0"],
            &[("HOLDFAST_PAGE", "maybe"), ("HOLDFAST_SHARD", "1")],
            Some("\nlisten = \"x\"\nlgo_format = 1\n[limits]\nclose_timeout_ms = 1"),
        );
        for part in [
            "shards = \"0\" (--shards): allowed is auto, or a number from 1 to 1024",
            "page = \"maybe\" (HOLDFAST_PAGE): allowed is true or false",
            "HOLDFAST_SHARD is not known: did you mean HOLDFAST_SHARDS?",
            "holdfast.toml:2): allowed is 1 to 16",
            "holdfast.toml:3: the setting lgo_format is not known: did you mean log_format?",
            "holdfast.toml:5): allowed is a number from 10 to 600000",
        ] {
            assert!(all.contains(part), "{part} is not in:\n{all}");
        }
        assert!(errors(&["--nonsense"], &[], None).contains("--nonsense"));
        assert!(errors(&["--config", "none.toml"], &[], None).contains("none.toml"));
        assert!(errors(&[], &[], Some("shards = = 1")).contains("holdfast.toml:1: not TOML"));
        assert!(errors(&["--protocol-set", "x"], &[], None).contains("NAME=VALUE"));
        assert!(errors(&["--log", "a=b=c"], &[], None).contains("log"));
        assert!(errors(&[], &[], Some("[app]\nfile = 2021-01-01")).contains("app.file"));
    }

    #[test]
    fn commands() {
        let what = |arguments: &[&str]| try_load(arguments, &[], None).unwrap().what;
        assert_eq!(what(&[]), What::Run);
        assert_eq!(what(&["run"]), What::Run);
        assert_eq!(what(&["check"]), What::Check);
        assert_eq!(what(&["inspect", "x.wasm"]), What::Inspect("x.wasm".into()));
        assert!(
            matches!(what(&["--version"]), What::Say(text) if text.contains(env!("CARGO_PKG_VERSION")))
        );
        assert!(
            matches!(what(&["--help"]), What::Say(text) if KEYS.iter().all(|key| text.contains(&key.flag())))
        );
    }

    #[test]
    fn what_is_printed_is_the_config() {
        let arguments = [
            "--print-config",
            "--shards",
            "3",
            "--app-env",
            "API_TOKEN=hidden",
            "--protocol-set",
            "ping_interval=5",
        ];
        let Ok(CommandLine {
            what: What::PrintConfig(text),
            config: printed,
        }) = try_load(&arguments, &[("HOLDFAST_LOG", "debug")], None)
        else {
            panic!("not printed");
        };
        assert!(
            text.contains("# --shards")
                && text.contains("# HOLDFAST_LOG")
                && text.contains("# default")
                && !text.contains("hidden"),
            "{text}"
        );
        let again = config(&["--app-env", "API_TOKEN=hidden"], &[], Some(&text));
        assert_eq!(again, printed);
    }

    #[test]
    fn nothing_is_left_out_of_what_is_printed() {
        let file = "[app]\nfile = \"sub/x.wasm\"\n[app.env]\n\"we ird\" = \"a\\nb\"\n[protocol]\nping_interval = 1_000";
        let environment = [
            ("HOLDFAST_APP_ENV_EMPTY", ""),
            ("HOLDFAST_LIMITS_OUTBOX_BYTES_MAX", "1 MB"),
        ];
        let Ok(CommandLine {
            what: What::PrintConfig(text),
            config: printed,
        }) = try_load(&["check", "--print-config"], &environment, Some(file))
        else {
            panic!("not printed");
        };
        assert_eq!(config(&[], &[], Some(&text)), printed, "{text}");
        assert!(
            text.contains("ping_interval = \"1000\" # holdfast.toml:6"),
            "{text}"
        );
        assert!(
            printed
                .app
                .file
                .is_some_and(|path| path.is_absolute() && path.ends_with("sub/x.wasm"))
        );
    }

    #[test]
    fn lines_are_exact() {
        for (file, error) in [
            (
                "[ \"limits\" ]\n\n\"close_timeout_ms\" = 1",
                "holdfast.toml:3)",
            ),
            ("limits . close_timeout_ms = 1", "holdfast.toml:1)"),
            (
                "log = \"\"\"\npage = 2\"\"\"\npage = 7",
                "(holdfast.toml:3)",
            ),
            ("listen = [\n  \"x\",\n]", "holdfast.toml:1)"),
        ] {
            let all = errors(&[], &[], Some(file));
            assert!(all.contains(error), "{error} is not in {all}");
        }
    }

    #[test]
    fn the_file_has_no_other_names() {
        for (file, error) in [
            ("[limit]", ":1: the section limit is not known"),
            (
                "[limit]\noutbox_bytes_max = 1",
                ":2: the setting limit.outbox_bytes_max is not known: did you mean limits.outbox_bytes_max?",
            ),
            ("[[listen]]", "listen is neither"),
            ("[listen]", "listen is neither"),
            ("app = 3", ":1: app is a section"),
            (
                "[limits]\nlisten = 3",
                "did you mean listen, above the first section?",
            ),
            ("[app.env.a]\nb = 1", "the setting app.env.a is neither"),
            ("[protocol]\nPing = 1", "such as ping"),
            ("page = = 1\n\nlog = = 1", ":3: not TOML"),
            ("page = true\npage = true", ":2: not TOML"),
            ("listen = [\"a,b\"]", "nor a list"),
            ("[protocol]\ncors = [[1]]", "nor a list"),
            ("[[protocol.cors]]", "nor a list"),
            ("[protocol.Cors]\norigin = 1", "such as cors.origin"),
            (
                "[protocol.a.b.c.d]\ne = 1",
                "protocol.a.b.c.d.e is not known",
            ),
        ] {
            let all = errors(&[], &[], Some(file));
            assert!(all.contains(error), "{error} is not in {all}");
        }
    }

    #[test]
    fn more_mistakes_that_are_refused() {
        for (arguments, environment, error) in [
            (
                &["--log", "inof"][..],
                &[][..],
                "log = \"inof\" (--log): allowed is off",
            ),
            (
                &["--state-dir", ""],
                &[],
                "state_dir = \"\" (--state-dir): allowed is a path that is not empty",
            ),
            (&["--protocol-set", "file=x"], &[], "use --protocol"),
            (&["--protocol-set", "Ping=x"], &[], "is not a name"),
            (&["--app-env", "=x"], &[], "is not a name"),
            (
                &["--shards", "1", "--shards", "2"],
                &[],
                "cannot be used multiple times",
            ),
            (
                &[],
                &[("HOLDFAST_APP_ENV_", "x")],
                "HOLDFAST_APP_ENV_ is not known",
            ),
            (
                &[],
                &[("HOLDFAST_PROTOCOL_", "x")],
                "HOLDFAST_PROTOCOL_ is not known",
            ),
            (
                &[],
                &[("HOLDFAST_CONFIG", "gone.toml")],
                "the config file gone.toml cannot be read",
            ),
            (&["--config", "."], &[], "the config file . cannot be read"),
        ] {
            let all = errors(arguments, environment, None);
            assert!(all.contains(error), "{error} is not in {all}");
        }
        let long = "#".repeat(2 << 20);
        assert!(errors(&[], &[], Some(&long)).contains("longer than 1048576 bytes"));
    }

    #[test]
    fn a_flag_for_a_list_may_be_repeated() {
        assert_eq!(
            config(&["--listen", ":1", "--listen", ":2,:3"], &[], None)
                .listen
                .len(),
            3
        );
        assert_eq!(
            config(&["--listen", ":1", "run", "--listen", ":2"], &[], None)
                .listen
                .len(),
            1
        );
    }

    #[test]
    fn help_names_every_variable() {
        let Ok(CommandLine {
            what: What::Say(text),
            ..
        }) = try_load(&["--help"], &[], None)
        else {
            panic!("no help")
        };
        // Lines are broken between words only.
        for key in KEYS {
            assert!(text.contains(&key.variable()), "{}", key.name);
        }
    }

    /// Every `#key = value` of the example is what is used without it; beside these it has only the
    /// guest's settings and one variable.
    #[test]
    fn the_example_says_the_defaults() {
        let example = include_str!("../../../holdfast.example.toml");
        let setting = |line: &str| {
            line.strip_prefix('#')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        };
        let enabled: Vec<&str> = example
            .lines()
            .map(|line| {
                if setting(line) {
                    line.trim_start_matches('#')
                } else {
                    line
                }
            })
            .collect();
        let (mut values, mut errors) = (Values::new(), Vec::new());
        let folder = std::env::temp_dir().join(format!("holdfast-example-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (text, settings) in [(example.to_owned(), 0), (enabled.join("\n"), KEYS.len())] {
            std::fs::write(folder.join("holdfast.toml"), text).unwrap();
            values.clear();
            file::read(None, &folder, &mut values, &mut errors);
            assert_eq!(errors, Vec::<String>::new());
            assert_eq!(
                values.keys().filter(|name| known(name).is_some()).count(),
                settings
            );
        }
        std::fs::remove_dir_all(folder).unwrap();
        for key in KEYS.iter().filter(|key| key.name != "state_dir") {
            assert_eq!(
                values.get(key.name).map(|value| value.text.as_str()),
                Some(key.default),
                "{}",
                key.name
            );
        }
    }
}

//! The command line as clap sees it: commands, flags, `--help`. Called by `layers`; decides no value.

use super::keys::{KEYS, Key, Kind, is_free, known};
use super::layers::{Origin, Value, Values};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;

const SETTING: &str = "protocol-set";
const VARIABLE: &str = "app-env";
const CONFIG: &str = "config";
const PRINT: &str = "print-config";
const APP: &str = "APP";
const TYPESCRIPT: &str = "ts";
/// The flag of `new` that asks for Rust.
pub const RUST: &str = "rust";
/// The flag of `build` that asks for a component.
pub const COMPONENT: &str = "component";

const ABOUT: &str = "A self-hosted edge runtime for Socket.IO.

Every setting can be given as a flag, as an environment variable, or in holdfast.toml. A flag wins over a variable, a variable over the file.";

/// The command line that is understood. Flags may stand before or after the command.
pub fn command() -> Command {
    with_flags(Command::new("holdfast"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .subcommand(with_flags(Command::new("run").about("Serve (the default)")).arg(app()))
        .subcommand(
            with_flags(Command::new("check").about("Check the config and the guests, then exit"))
                .arg(app()),
        )
        .subcommand(
            Command::new("build")
                .about("Build an app: a Rust crate into a component, a script and the packages it imports into one file")
                .arg(
                    Arg::new("SOURCE")
                        .required(true)
                        .help("the folder of a Cargo.toml, or a script: .ts .mts .cts .js .mjs .cjs")
                        .value_parser(value_parser!(PathBuf)),
                )
                .arg(
                    Arg::new("FILE")
                        .short('o')
                        .required(true)
                        .help("where to write what is built")
                        .value_parser(value_parser!(PathBuf)),
                )
                .arg(
                    Arg::new(COMPONENT)
                        .long(COMPONENT)
                        .action(ArgAction::SetTrue)
                        .help("make a component of a script: the engine with the script in it"),
                ),
        )
        .subcommand(
            Command::new("new")
                .about("Begin a project: an app with a test")
                .arg(
                    Arg::new("NAME")
                        .required(true)
                        .help("its folder: letters, digits, - and _"),
                )
                .arg(
                    Arg::new(TYPESCRIPT)
                        .long(TYPESCRIPT)
                        .action(ArgAction::SetTrue)
                        .required_unless_present(RUST)
                        .conflicts_with(RUST)
                        .help("in TypeScript"),
                )
                .arg(
                    Arg::new(RUST)
                        .long(RUST)
                        .action(ArgAction::SetTrue)
                        .help("in Rust"),
                ),
        )
        .subcommand(
            Command::new("inspect")
                .about("Tell what a guest file is: world, imports, exports, size, digest")
                .arg(
                    Arg::new("FILE")
                        .required(true)
                        .value_parser(value_parser!(PathBuf)),
                ),
        )
}

/// The app as an argument of a command: the same as `--app`.
fn app() -> Arg {
    Arg::new(APP)
        .value_name("APP")
        .value_parser(value_parser!(String))
        .conflicts_with("app.file")
        .help("the app: a script (.ts, .js), a component or a core module")
}

fn with_flags(command: Command) -> Command {
    let command = command
        .arg(Arg::new(CONFIG).long(CONFIG).value_name("FILE").value_parser(value_parser!(PathBuf)).help("the config file [env: HOLDFAST_CONFIG] [default: holdfast.toml, if there is one]"))
        .arg(Arg::new(PRINT).long(PRINT).action(ArgAction::SetTrue).help("show every setting and where it came from, then exit"));
    let command = KEYS
        .iter()
        .fold(command, |command, key| command.arg(flag(key)));
    command
        .arg(pairs(SETTING, "KEY=VALUE", "a setting of the protocol guest, such as ping_interval=25000 or cors.origin=*; may be repeated [env: HOLDFAST_PROTOCOL_KEY, with two underscores for a dot]", "protocol"))
        .arg(pairs(VARIABLE, "NAME=VALUE", "an environment value granted to the app; may be repeated [env: HOLDFAST_APP_ENV_NAME]", "app"))
}

fn flag(key: &Key) -> Arg {
    let (value_name, action) = match key.kind {
        Kind::Addresses => ("ADDRESS", ArgAction::Append),
        Kind::File => ("FILE", ArgAction::Set),
        Kind::Folder => ("FOLDER", ArgAction::Set),
        Kind::Bool => ("BOOL", ArgAction::Set),
        Kind::Bytes(..) => ("BYTES", ArgAction::Set),
        Kind::Number(..) | Kind::Shards => ("NUMBER", ArgAction::Set),
        Kind::Filter => ("FILTER", ArgAction::Set),
        Kind::Choice(_) => ("WORD", ArgAction::Set),
        Kind::Words => ("WORD", ArgAction::Append),
    };
    let default = if key.default.is_empty() {
        String::new()
    } else {
        format!(" [default: {}]", key.default)
    };
    let help = format!(
        "{} [allowed: {}]{default} [env: {}]",
        key.about,
        key.kind.allowed(),
        key.variable()
    );
    let arg = Arg::new(key.name)
        .long(key.flag())
        .value_name(value_name)
        .action(action)
        .help(help);
    // Said alone it is meant to be on; what follows is an app.
    let arg = if key.name == "watch" {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        arg
    };
    key.name
        .split_once('.')
        .map_or(arg.clone(), |(section, _)| {
            arg.help_heading(heading(section))
        })
}

fn pairs(name: &'static str, value_name: &'static str, help: &'static str, section: &str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .action(ArgAction::Append)
        .help(help)
        .help_heading(heading(section))
}

fn heading(section: &str) -> &'static str {
    match section {
        "protocol" => "The protocol guest",
        "app" => "The app",
        _ => "Limits",
    }
}

/// The config file that is named, if one is.
pub fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    both(matches)
        .into_iter()
        .filter_map(|matches| matches.try_get_one::<PathBuf>(CONFIG).ok().flatten())
        .next_back()
        .cloned()
}

/// Whether the config is to be printed.
pub fn prints_config(matches: &ArgMatches) -> bool {
    both(matches).into_iter().any(|matches| {
        matches
            .try_get_one::<bool>(PRINT)
            .ok()
            .flatten()
            .copied()
            .unwrap_or(false)
    })
}

/// Adds what the flags say; those after the command win over those before it.
pub fn read(matches: &ArgMatches, values: &mut Values, errors: &mut Vec<String>) {
    for matches in both(matches) {
        for key in KEYS {
            let given: Vec<&str> = texts(matches, key.name).collect();
            if !given.is_empty() {
                values.insert(
                    key.name.to_owned(),
                    Value {
                        text: given.join(","),
                        origin: Origin::Flag(key.flag()),
                    },
                );
            }
        }
        if let Some(app) = texts(matches, APP).next() {
            values.insert(
                "app.file".to_owned(),
                Value {
                    text: app.to_owned(),
                    origin: Origin::Flag(APP.to_owned()),
                },
            );
        }
        read_pairs(matches, SETTING, "protocol", values, errors);
        read_pairs(matches, VARIABLE, "app.env", values, errors);
    }
}

fn read_pairs(
    matches: &ArgMatches,
    flag: &str,
    section: &str,
    values: &mut Values,
    errors: &mut Vec<String>,
) {
    for pair in texts(matches, flag) {
        // The value is not repeated in errors: it may be a secret.
        let Some((own, text)) = pair.split_once('=') else {
            errors.push(format!("--{flag} has no `=`: allowed is NAME=VALUE"));
            continue;
        };
        let name = format!("{section}.{own}");
        match known(&name) {
            Some(key) => errors.push(format!(
                "--{flag} {own}=… is a setting of the host: use --{}",
                key.flag()
            )),
            None if !is_free(&name) => errors.push(format!(
                "--{flag} {own}=…: {own:?} is not a name that can be set: allowed is NAME=VALUE"
            )),
            None => {
                values.insert(
                    name,
                    Value {
                        text: text.to_owned(),
                        origin: Origin::Flag(flag.to_owned()),
                    },
                );
            }
        }
    }
}

/// The flags before the command and those after it.
fn both(matches: &ArgMatches) -> Vec<&ArgMatches> {
    let inner = matches.subcommand().map(|(_, inner)| inner);
    std::iter::once(matches).chain(inner).collect()
}

fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    matches
        .try_get_many::<String>(name)
        .ok()
        .flatten()
        .into_iter()
        .flatten()
        .map(String::as_str)
}

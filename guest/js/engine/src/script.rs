//! The script text: which modules there are and what their imports mean. Read once, at the start.

use crate::limits::SCRIPT_VERSION;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A script, as the host's loader writes it.
#[derive(Deserialize)]
pub(crate) struct Script {
    /// The form of this text.
    holdfast: u32,
    /// The module that is run.
    pub(crate) entry: String,
    pub(crate) modules: Vec<Module>,
}

/// One file of the user's.
#[derive(Deserialize)]
pub(crate) struct Module {
    /// Its path, as stacks show it.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Kind,
    pub(crate) source: String,
    /// A source map, revision 3.
    #[serde(default)]
    pub(crate) map: Option<String>,
    /// What is imported, as written, and which module that is.
    #[serde(default)]
    pub(crate) imports: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Esm,
    Cjs,
    Json,
}

impl Script {
    /// Reads the text. What does not begin like a JSON object is the source of one module.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn read(text: String) -> Result<Self, String> {
        if !text.trim_start().starts_with("{\"") {
            let name = "app.js".to_owned();
            let module = Module {
                name: name.clone(),
                kind: Kind::Esm,
                source: text,
                map: None,
                imports: BTreeMap::new(),
            };
            return Ok(Self {
                holdfast: SCRIPT_VERSION,
                entry: name,
                modules: vec![module],
            });
        }
        let script: Self = serde_json::from_str(&text)
            .map_err(|error| format!("the script's text is broken: {error}"))?;
        if script.holdfast != SCRIPT_VERSION {
            return Err(format!(
                "the script's text has form {}, this engine reads form {SCRIPT_VERSION}: use the host and the engine of one version",
                script.holdfast
            ));
        }
        if !script
            .modules
            .iter()
            .any(|module| module.name == script.entry)
        {
            return Err(format!("the script has no module {:?}", script.entry));
        }
        Ok(script)
    }
}

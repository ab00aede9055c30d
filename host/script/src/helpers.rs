//! What lowered syntax calls at run time: legacy decorators and `using`. Small modules that are added to a script
//! which needs them. Called by `graph`.

use crate::compile::Kind;
use crate::graph::Module;
use std::collections::BTreeMap;

/// Helpers by the names the transformer has for them.
const HELPERS: &[(&str, &str)] = &[
    ("decorate", include_str!("../helpers/decorate.js")),
    (
        "decorateMetadata",
        include_str!("../helpers/decorateMetadata.js"),
    ),
    ("decorateParam", include_str!("../helpers/decorateParam.js")),
    (
        "defineProperty",
        include_str!("../helpers/defineProperty.js"),
    ),
    ("usingCtx", include_str!("../helpers/usingCtx.js")),
];

/// The helper with a name.
pub(crate) fn find(name: &str) -> Option<&'static str> {
    HELPERS
        .iter()
        .map(|(helper, _)| *helper)
        .find(|helper| *helper == name)
}

/// What its module is called in a script. No file has such a name.
pub(crate) fn module_name(helper: &str) -> String {
    format!("(helper)/{helper}.js")
}

/// Its module.
pub(crate) fn module(helper: &str) -> Option<Module> {
    let (_, source) = HELPERS.iter().find(|(name, _)| *name == helper)?;
    Some(Module {
        name: module_name(helper),
        kind: Kind::Esm,
        source: (*source).to_owned(),
        map: None,
        imports: BTreeMap::new(),
    })
}

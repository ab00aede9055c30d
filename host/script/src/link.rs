//! Whether what modules take from each other is there. Called by `graph` when all are read: a name that is only
//! a type and is passed on is taken out, one that nobody offers is a problem with its place, before anything runs.

use crate::compile::{Drops, Kind, compile};
use crate::error::Problem;
use crate::graph::{Graph, Target};
use crate::limits::MODULES_MAX;

/// What a module has under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Value,
    Type,
    Missing,
    /// Only running it tells.
    Unknown,
}

/// Checks all names, and compiles those modules again that pass on types.
pub(crate) fn check(graph: &mut Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut again: Vec<(usize, Drops)> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut drops = Drops::new();
        for take in &node.compiled.links.takes {
            let answer = match node.targets.get(&take.specifier) {
                Some(Target::Module(target)) => ask(graph, *target, &take.name, &mut Vec::new()),
                _ => Answer::Unknown,
            };
            let message = match answer {
                Answer::Value | Answer::Unknown => continue,
                Answer::Type if take.passed_on => {
                    drops.push((take.specifier.clone(), take.name.clone()));
                    continue;
                }
                Answer::Type => format!(
                    "{:?} is only a type in {:?}: use `import type`",
                    take.name, take.specifier
                ),
                Answer::Missing => missing(graph, index, &take.specifier, &take.name),
            };
            problems.push(Problem::at(&node.shown, &node.text, take.offset, message));
        }
        if !drops.is_empty() {
            again.push((index, drops));
        }
    }
    for (index, drops) in again {
        let options = graph.options.clone();
        let Some(node) = graph.nodes.get_mut(index) else {
            continue;
        };
        match compile(&node.shown, &node.text, node.language, &options, &drops) {
            Ok(compiled) => node.compiled = compiled,
            Err(found) => problems.extend(found),
        }
    }
    problems
}

fn missing(graph: &Graph, index: usize, specifier: &str, name: &str) -> String {
    let target = graph
        .nodes
        .get(index)
        .and_then(|node| node.targets.get(specifier));
    let kind = match target {
        Some(Target::Module(target)) => graph.nodes.get(*target).map(|node| node.compiled.kind),
        _ => None,
    };
    match (kind, name) {
        (Some(Kind::Json), _) => {
            format!(
                "{specifier:?} exports its value as default only: `import data from {specifier:?}`"
            )
        }
        (_, "default") => format!("{specifier:?} has no default export"),
        _ => format!("{specifier:?} does not export {name:?}"),
    }
}

fn ask(graph: &Graph, index: usize, name: &str, asked: &mut Vec<(usize, String)>) -> Answer {
    let Some(node) = graph.nodes.get(index) else {
        return Answer::Unknown;
    };
    let links = &node.compiled.links;
    match node.compiled.kind {
        Kind::Cjs => return Answer::Unknown,
        Kind::Json if name == "default" => return Answer::Value,
        Kind::Json => return Answer::Missing,
        Kind::Esm => {}
    }
    // A circle of `export *` offers nothing by itself.
    let question = (index, name.to_owned());
    if asked.contains(&question) || asked.len() > MODULES_MAX {
        return Answer::Missing;
    }
    asked.push(question);
    let follow = |specifier: &str, name: &str, asked: &mut Vec<(usize, String)>| match node
        .targets
        .get(specifier)
    {
        Some(Target::Module(target)) => ask(graph, *target, name, asked),
        _ => Answer::Unknown,
    };
    match links.offers.get(name) {
        Some(None) => return Answer::Value,
        Some(Some((specifier, name))) => return follow(specifier, name, asked),
        None if links.types.contains(name) => return Answer::Type,
        None => {}
    }
    let mut best = match links.type_stars {
        true => Answer::Type,
        false => Answer::Missing,
    };
    if name == "default" {
        return best;
    }
    for star in &links.stars {
        match follow(star, name, asked) {
            Answer::Value => return Answer::Value,
            Answer::Unknown => best = Answer::Unknown,
            Answer::Type if best == Answer::Missing => best = Answer::Type,
            Answer::Type | Answer::Missing => {}
        }
    }
    best
}

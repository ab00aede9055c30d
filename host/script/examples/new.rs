//! Makes a new project: `new ts|rust NAME FOLDER`.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, name, into] = arguments.as_slice() else {
        eprintln!("new ts|rust NAME FOLDER");
        return;
    };
    let kind = match kind.as_str() {
        "rust" => holdfast_script::Kind::Rust,
        _ => holdfast_script::Kind::TypeScript,
    };
    match holdfast_script::new_project(kind, name, into.as_ref()) {
        Ok(files) => println!("{} files", files.len()),
        Err(error) => eprintln!("{error}"),
    }
}

//! Prints the script text of an app, or with `--bundle` its bundle, and how long that took.

fn main() -> std::process::ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let bundle = arguments.iter().any(|argument| argument == "--bundle");
    arguments.retain(|argument| argument != "--bundle");
    let entry = arguments.first().cloned().unwrap_or_default();
    let started = std::time::Instant::now();
    let outcome = if bundle {
        holdfast_script::bundle(entry.as_ref(), &holdfast_script::Npm::default())
    } else {
        holdfast_script::load(entry.as_ref()).map(|script| {
            for note in script.notes {
                eprintln!("{note}");
            }
            script.text
        })
    };
    let took = started.elapsed();
    match outcome {
        Ok(text) => print!("{text}"),
        Err(error) => {
            eprintln!("{error}");
            return std::process::ExitCode::FAILURE;
        }
    }
    eprintln!("{took:?}");
    std::process::ExitCode::SUCCESS
}

//! Prints the script text of an app.
fn main() {
    let entry = std::env::args().nth(1).unwrap_or_default();
    let started = std::time::Instant::now();
    match holdfast_script::load(entry.as_ref()) {
        Ok(script) => println!("{}", script.text),
        Err(error) => eprintln!("{error}"),
    }
    eprintln!("{:?}", started.elapsed());
}

//! Writes the seeds of the fuzz targets; with `--images` the images of stores first, which they come from.

fn main() {
    if std::env::args().any(|argument| argument == "--images") {
        sessile_fuzz_runs::seeds::write_images();
    }
    sessile_fuzz_runs::seeds::write_seeds();
}

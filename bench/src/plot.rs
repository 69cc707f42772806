//! Bars, as SVG. They look right on a light and on a dark page.

use std::fmt::Write as _;

const WIDTH: f64 = 680.0;
const LABELS: f64 = 190.0;
const BAR: f64 = 22.0;
const STEP: f64 = 32.0;
const OURS: &str = "#2f81f7";
const OTHERS: &str = "#8b949e";

/// A chart of one bar for each name. Those of this SDK stand out.
pub fn bars(title: &str, unit: &str, figures: &[(String, f64)]) -> String {
    let most = figures
        .iter()
        .map(|(_, it)| *it)
        .fold(f64::MIN_POSITIVE, f64::max);
    let count = u32::try_from(figures.len()).unwrap_or_default();
    let height = 44.0 + STEP * f64::from(count);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
        height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
        <title>{title}</title>\n\
        <text x=\"0\" y=\"18\" font-weight=\"600\" fill=\"{OTHERS}\">{title}</text>\n"
    );
    let mut top = 34.0;
    for (name, figure) in figures {
        let length = (WIDTH - LABELS - 90.0) * figure / most;
        let colour = if name.starts_with("codex-sdk") {
            OURS
        } else {
            OTHERS
        };
        let text = top + 15.0;
        // Nothing is written when a string takes it.
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" fill=\"{OTHERS}\">{name}</text>\n\
            <rect x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\" fill=\"{colour}\"/>\n\
            <text x=\"{:.1}\" y=\"{text}\" fill=\"{colour}\">{figure:.2} {unit}</text>",
            LABELS - 10.0,
            LABELS + length + 8.0,
        );
        top += STEP;
    }
    svg.push_str("</svg>\n");
    svg
}

//! SVG charts that look right on light and dark pages.

use std::fmt::Write as _;

const WIDTH: f64 = 680.0;
const LABELS: f64 = 190.0;
const BAR: f64 = 22.0;
const STEP: f64 = 32.0;
const OURS: &str = "#2f81f7";
const OTHERS: &str = "#8b949e";

/// A chart with one bar for each name. Those of this SDK stand out.
pub fn bars(title: &str, unit: &str, figures: &[(String, f64)]) -> String {
    let most = figures
        .iter()
        .map(|(_, it)| *it)
        .fold(f64::MIN_POSITIVE, f64::max);
    let height = 44.0 + STEP * count(figures.len());
    let mut svg = opened(title, height);
    let mut top = 34.0;
    for (name, figure) in figures {
        let length = (WIDTH - LABELS - 90.0) * figure / most;
        let colour = if name.starts_with("codex-sdk") {
            OURS
        } else {
            OTHERS
        };
        let text = top + 15.0;
        // Writing to a string can't fail.
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

const TALL: f64 = 110.0;
/// How many points of a panel have labels, at most.
const LABELLED: usize = 13;

/// A row of charts, one for each title, with a point for each name. All have the same scale.
pub fn panels(title: &str, unit: &str, panels: &[(&str, Vec<(String, f64)>)]) -> String {
    let figures = panels.iter().flat_map(|(_, points)| points);
    let most = figures.map(|(_, it)| *it).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = opened(title, 76.0 + TALL);
    let width = WIDTH / count(panels.len()).max(1.0);
    let mut left = 0.0;
    for (name, points) in panels {
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"42\" fill=\"{OTHERS}\">{name}</text>\n\
            <path d=\"M{left} {bottom}h{}\" stroke=\"{OTHERS}\" stroke-opacity=\".4\"/>",
            width - 24.0,
            bottom = 50.0 + TALL,
        );
        let mut line = String::new();
        let mut x = left + 14.0;
        let step = (width - 56.0) / count(points.len().saturating_sub(1)).max(1.0);
        let every = points.len().div_ceil(LABELLED);
        for (n, (of, figure)) in points.iter().enumerate() {
            let y = 50.0 + TALL - (TALL - 24.0) * figure / most;
            let _ = write!(line, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{OURS}\"/>",
            );
            if n % every == 0 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{OURS}\">{figure:.2}</text>\n\
                    <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{OTHERS}\">{}</text>",
                    y - 8.0,
                    66.0 + TALL,
                    short(of),
                );
            }
            x += step;
        }
        let _ = writeln!(svg, "<path d=\"{line}\" fill=\"none\" stroke=\"{OURS}\"/>");
        left += width;
    }
    let _ = writeln!(
        svg,
        "<text x=\"{WIDTH}\" y=\"18\" text-anchor=\"end\" fill=\"{OTHERS}\">{unit}</text>\n</svg>"
    );
    svg
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or_default())
}

/// A number, shortened to fit a label.
fn short(number: &str) -> String {
    match number.strip_suffix("000000") {
        Some(millions) => format!("{millions}M"),
        None => number
            .strip_suffix("000")
            .map_or(number.to_owned(), |it| format!("{it}k")),
    }
}

fn opened(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
        height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
        <title>{title}</title>\n\
        <text x=\"0\" y=\"18\" font-weight=\"600\" fill=\"{OTHERS}\">{title}</text>\n"
    )
}

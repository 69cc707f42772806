//! Figures and their limits.

/// A figure and its limit.
#[derive(Debug, Clone)]
pub struct Row {
    pub case: &'static str,
    /// What was measured.
    pub what: String,
    pub figure: f64,
    /// The maximum, or the minimum if `more_is_better`.
    pub limit: f64,
    pub more_is_better: bool,
    pub unit: &'static str,
}

impl Row {
    /// A figure that must not exceed a limit.
    pub fn at_most(
        case: &'static str,
        what: impl Into<String>,
        figure: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            case,
            what: what.into(),
            figure,
            limit,
            more_is_better: false,
            unit,
        }
    }

    /// A figure that must reach a limit.
    pub fn at_least(
        case: &'static str,
        what: impl Into<String>,
        figure: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            more_is_better: true,
            ..Self::at_most(case, what, figure, limit, unit)
        }
    }

    pub fn holds(&self) -> bool {
        if self.more_is_better {
            self.figure >= self.limit
        } else {
            self.figure <= self.limit
        }
    }

    pub fn sign(&self) -> &'static str {
        if self.more_is_better { "≥" } else { "≤" }
    }
}

/// The median.
pub fn median(mut figures: Vec<f64>) -> f64 {
    quantile(&mut figures, 0.5)
}

/// The figure below which this share of all figures lies; 0 if there are none.
pub fn quantile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let index = ((figures.len().saturating_sub(1)) as f64 * share).round() as usize;
    figures.get(index).copied().unwrap_or_default()
}

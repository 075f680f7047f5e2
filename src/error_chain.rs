//! Why something failed, in one line: most errors of libraries leave what caused them out of their own text.

use std::error::Error;

/// The error and everything under it, outermost first.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn every_layer_is_told_outermost_first() {
        let error = Layer("not saved", Some(Box::new(Layer("disk", Some(Box::new(Layer("full", None)))))));
        assert_eq!(error_chain(&error), "not saved: disk: full");
    }
}

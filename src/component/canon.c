/* The canonical definitions and the feature gates as tables. */
#include "component/component.h"

const sl_canon_row sl_canons[SL_N_CANONS] = {
#define CANON(id, code, text, immediates, signature, feature)                  \
    [SL_CANON_##id] = {code, text, immediates, signature, SL_FEATURE_##feature},
#include "component/canon.def"
#undef CANON
};

const char *sl_feature_text(sl_feature feature)
{
    static const char *const text[SL_N_FEATURES] = {
        [SL_FEATURE_NONE] = "none",
        [SL_FEATURE_ASYNC] = "async",
        [SL_FEATURE_DATA] = "data",
        [SL_FEATURE_RESOURCES] = "resources",
        [SL_FEATURE_THREADS] = "threads",
        [SL_FEATURE_ERROR_CONTEXT] = "error-context",
        [SL_FEATURE_VALUES] = "values",
        [SL_FEATURE_MAP] = "map",
        [SL_FEATURE_FIXED_LISTS] = "fixed-lists",
        [SL_FEATURE_MEMORY64] = "memory64",
        [SL_FEATURE_ATTRIBUTES] = "attributes",
        [SL_FEATURE_GC] = "gc",
        [SL_FEATURE_FORWARD] = "forward",
        [SL_FEATURE_CANCELLABLE] = "cancellable",
        [SL_FEATURE_HYPHENS] = "hyphens",
        [SL_FEATURE_EAGER_DROP] = "eager-drop",
        [SL_FEATURE_CORE_DATA] = "core-data",
    };
    return (unsigned)feature < SL_N_FEATURES ? text[feature] : "unknown";
}

sl_features sl_features_default(void)
{
    return SL_FEATURE_BIT(SL_FEATURE_ASYNC) | SL_FEATURE_BIT(SL_FEATURE_DATA) |
           SL_FEATURE_BIT(SL_FEATURE_RESOURCES) |
           SL_FEATURE_BIT(SL_FEATURE_THREADS) |
           SL_FEATURE_BIT(SL_FEATURE_ERROR_CONTEXT) |
           SL_FEATURE_BIT(SL_FEATURE_MAP) |
           SL_FEATURE_BIT(SL_FEATURE_FIXED_LISTS) |
           SL_FEATURE_BIT(SL_FEATURE_MEMORY64) |
           SL_FEATURE_BIT(SL_FEATURE_ATTRIBUTES) |
           SL_FEATURE_BIT(SL_FEATURE_CANCELLABLE) |
           SL_FEATURE_BIT(SL_FEATURE_HYPHENS);
}

/* What the files of api/ share: the public handles behind their pointers. */
#ifndef SL_API_API_INT_H
#define SL_API_API_INT_H

#include "component/component.h"
#include "link/link.h"
#include "sluice/sluice.h"

struct sluice_engine {
    sluice_limits limits;
    sl_features features;
};

struct sluice_component {
    sluice_engine *engine;
    sl_component *component;
};

/* Fills a public error from an internal one; either may be NULL. Returns the
 * status. */
sluice_status sl_api_error(sluice_error *error, const sl_err *err);
/* A failure of the API itself. */
sluice_status sl_api_fail(sluice_error *error, sluice_status status,
                          const char *fmt, ...) SL_PRINTF(3, 4);

#endif

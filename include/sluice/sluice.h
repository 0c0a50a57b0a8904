/** @file sluice.h
 * The whole public interface of sluice: a WebAssembly component runtime whose
 * data segments are loaded lazily and streamed asynchronously.
 * docs/embedding.md walks through a complete program.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "sluice/cache.h"
#include "sluice/component.h"
#include "sluice/error.h"
#include "sluice/fetch.h"
#include "sluice/instance.h"
#include "sluice/observe.h"
#include "sluice/resource.h"
#include "sluice/stream.h"
#include "sluice/type.h"
#include "sluice/value.h"
#include "sluice/wasi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_VERSION "0.1.0"
/** The library's version, for a check against SLUICE_VERSION. Static storage,
 * any thread. */
SLUICE_API const char *sluice_version(void);

#ifdef __cplusplus
}
#endif
#endif

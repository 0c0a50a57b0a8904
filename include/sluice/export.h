/** @file export.h
 * Visibility of the library's symbols. */
#ifndef SLUICE_EXPORT_H
#define SLUICE_EXPORT_H

#if defined(__GNUC__) && !defined(SLUICE_API)
#define SLUICE_API __attribute__((visibility("default")))
#elif !defined(SLUICE_API)
#define SLUICE_API
#endif

#endif

/* What `sluice inspect` shows of data segments: how they are kept, and how much
 * of them is here. */
#ifndef SL_CLI_SEGMENT_VIEW_H
#define SL_CLI_SEGMENT_VIEW_H

#include "cli/cli.h"

typedef struct cli_segments {
    const sluice_component *component;
    const char *path; /* of the component's file; NULL: it is in none */
    int fd;           /* open when the payloads are in it as they are; or -1 */
    bool digests;     /* show each chunk */
    bool cache;       /* and what the cache on disk has */
    uint8_t (*cached)[32]; /* digests in it, in order */
    size_t n_cached, cap_cached;
    int code; /* the first failure's exit code, reported */
} cli_segments;

/* What is known of the file `path` ("-", a URL: nothing is shown of residency)
 * and, with `cache`, of the cache in `cache_dir` (NULL: the default one). An
 * exit code, reported. */
int cli_segments_open(cli_segments *segments, const sluice_component *component,
                      const char *path, const char *cache_dir);
void cli_segments_close(cli_segments *segments);
/* The rest of a definition's line, and lines below it without the last end. */
void cli_segment_tree(cli_segments *segments, const sluice_item *item);
/* Members of its object, each with a comma in front. */
void cli_segment_json(cli_segments *segments, const sluice_item *item);

#endif

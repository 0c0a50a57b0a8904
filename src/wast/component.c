/* Components in scripts. Commands with components are counted as skipped. */
#include "wast/wast_int.h"

wast_outcome wast_component_form(wast *w, sl_cursor *c, wast_want want,
                                 sl_name message)
{
    (void)c;
    (void)message;
    if (want == WAST_WANT_OK)
        w->current = w->last_definition = (wast_thing){.kind = WAST_SKIPPED};
    return wast_skip(w, "components");
}

wast_outcome wast_component_action(wast *w, wast_action *action, wast_want want,
                                   sl_name message)
{
    (void)action;
    (void)want;
    (void)message;
    return wast_skip(w, "components");
}

void wast_components_free(wast *w)
{
    (void)w;
}

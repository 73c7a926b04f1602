/* tally.c - how far the parts of something are, and the whole of it; see tally.h. */
#include "drivers/image/worker/tally.h"

#include "drivers/image/manifest.h"
#include "drivers/sys/report.h"

#include <stdio.h>

void tally_init(struct tally *t, const char *what, const struct manifest *manifest)
{
	*t = (struct tally){.what = what, .manifest = manifest};
	for (size_t i = 0; i < manifest->n_layers; i++)
		t->total += manifest->layers[i].blob.size;
	pthread_mutex_init(&t->lock, NULL);
}

void tally_fini(struct tally *t)
{
	pthread_mutex_destroy(&t->lock);
}

void tally_layer(struct tally *t, size_t layer, uint64_t *counted, uint64_t done)
{
	char what[64];

	snprintf(what, sizeof(what), "%s layer %zu/%zu", t->what, layer + 1, t->manifest->n_layers);
	pthread_mutex_lock(&t->lock);
	t->done += done - *counted; /* may wrap around, and comes out right */
	*counted = done;
	report_progress_of(t->of, t->what, t->done, t->total);
	report_progress_of(t->of, what, done, t->manifest->layers[layer].blob.size);
	pthread_mutex_unlock(&t->lock);
}

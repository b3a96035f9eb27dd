/* A libedgetpu without an Edge TPU: what load_delegate loads and the interpreter calls.
 *
 * It claims the custom operator of compiled models and copies its inputs to its outputs, so that a
 * twin made by twins.py gives the CPU's answers. It opens, refuses and shares devices as the real
 * library does (google-coral/libedgetpu, tflite/), one process a device, and fails as it is told.
 *
 * Beside the library lie its files, of which edgetpu.py knows the other end:
 *   LIBRARY.mode    what to do, replaced as a whole and read at every call
 *   LIBRARY.counts  struct counts, shared by all processes
 *   LIBRARY.log     a line for each delegate asked for
 *   LIBRARY.device* locks: who has which device
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- as much of TensorFlow Lite's ABI as a delegate needs (core/c/common.h, 64 bits) --- */

enum { TFLITE_OK = 0, TFLITE_ERROR = 1, ALLOW_DYNAMIC_TENSORS = 1 };

typedef struct { int size; int data[]; } IntArray;

typedef struct {
    int type;
    void *data;
    IntArray *dims;
    struct { float scale; int32_t zero_point; } params;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    void *delegate;
    int buffer_handle;
    bool data_is_stale, is_variable;
    struct { int type; void *params; } quantization;
    void *sparsity;
    const IntArray *dims_signature;
} Tensor;

_Static_assert(sizeof(Tensor) == 112, "TfLiteTensor");

typedef struct {
    IntArray *inputs, *outputs, *intermediates, *temporaries;
    void *user_data;
    /* and more that is not looked at */
} Node;

typedef struct Context Context;
typedef struct Delegate Delegate;

/* Passed by value: runtimes that know fewer members see the first of them. */
typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *registration_external;
    void *(*async_kernel)(Context *, Node *);
    uint64_t inplace_operator;
} Registration;

struct Context {
    size_t tensors_size;
    int (*GetExecutionPlan)(Context *, IntArray **);
    Tensor *tensors;
    void *impl;
    int (*ResizeTensor)(Context *, Tensor *, IntArray *);
    void (*ReportError)(Context *, const char *, ...);
    int (*AddTensors)(Context *, int, int *);
    int (*GetNodeAndRegistration)(Context *, int, Node **, Registration **);
    int (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *,
                                                 Delegate *);
    /* and more that is not called */
};

struct Delegate {
    void *data;
    int (*Prepare)(Context *, Delegate *);
    int (*CopyFromBufferHandle)(Context *, Delegate *, int, Tensor *);
    int (*CopyToBufferHandle)(Context *, Delegate *, int, Tensor *);
    void (*FreeBufferHandle)(Context *, Delegate *, int *);
    int64_t flags;
    void *opaque_delegate_builder;
};

typedef struct { Delegate *delegate; IntArray *nodes, *inputs, *outputs; } DelegateParams;

/* --- what to do, and what was done --- */

enum { PATH = 512, MOST_DEVICES = 8 };
enum stage { LIST, CREATE, PREPARE, INVOKE, STAGES };
enum fault { NONE, SEGV, ABORT, ERROR, HANG, FAULTS };

static const char *const STAGE_NAMES[STAGES] = {"list", "create", "prepare", "invoke"};
static const char *const FAULT_NAMES[FAULTS] = {"none", "segv", "abort", "error", "hang"};

struct device { int is_usb; unsigned plugging; char path[128]; };

struct rule { enum fault fault; uint64_t first, times; };

struct mode {
    uint64_t serial;
    char version[128];
    enum fault unplugged;
    unsigned slow_us;
    struct rule rules[STAGES];
    struct device devices[MOST_DEVICES];
    int device_count;
};

/* Written under a lock of the file, read by anybody. */
struct counts {
    uint64_t calls[STAGES];
    uint64_t faults[STAGES];
    uint64_t faults_of_mode[STAGES], serial; /* only those since the mode was set */
    uint64_t granted, destroyed;
};

static char library[PATH];
static struct counts *counts;
static int counts_fd = -1;

static const char *beside(const char *suffix, char path[PATH]) {
    snprintf(path, PATH, "%.400s%.100s", library, suffix);
    return path;
}

static void give_up(const char *what) {
    fprintf(stderr, "stand-in of libedgetpu: %s: %s\n", library, what);
    abort();
}

__attribute__((constructor)) static void find_files(void) {
    Dl_info info;
    char path[PATH];
    if (!dladdr((void *)find_files, &info)) give_up("where is it?");
    snprintf(library, sizeof library, "%s", info.dli_fname);
    counts_fd = open(beside(".counts", path), O_RDWR | O_CLOEXEC);
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, counts_fd, 0);
    if (counts == MAP_FAILED) give_up("no file of counts");
}

static enum fault fault_named(const char *name) {
    for (int fault = 0; fault < FAULTS; fault++)
        if (!strcmp(name, FAULT_NAMES[fault])) return (enum fault)fault;
    give_up("no such fault");
    return NONE;
}

static struct mode read_mode(void) {
    struct mode mode = {0};
    char path[PATH], line[256], word[32], value[128];
    FILE *file = fopen(beside(".mode", path), "re");
    if (!file) give_up("no file of the mode");
    while (fgets(line, sizeof line, file)) {
        unsigned long long first, times;
        struct device *device = &mode.devices[mode.device_count];
        if (sscanf(line, "serial %lu", &mode.serial) == 1) continue;
        if (sscanf(line, "version %127[^\n]", mode.version) == 1) continue;
        if (sscanf(line, "slow_us %u", &mode.slow_us) == 1) continue;
        if (sscanf(line, "unplugged %31s", word) == 1) {
            mode.unplugged = fault_named(word);
            continue;
        }
        if (mode.device_count < MOST_DEVICES
            && sscanf(line, "device %31s %u %127s", word, &device->plugging, device->path) == 3) {
            device->is_usb = !strcmp(word, "usb");
            mode.device_count++;
            continue;
        }
        if (sscanf(line, "%31s %127s %llu %llu", word, value, &first, &times) == 4)
            for (int stage = 0; stage < STAGES; stage++)
                if (!strcmp(word, STAGE_NAMES[stage]))
                    mode.rules[stage] = (struct rule){fault_named(value), first, times};
    }
    fclose(file);
    return mode;
}

/* Counts a call and tells how it is to fail. */
static enum fault enter(enum stage stage, const struct mode *mode) {
    const struct rule *rule = &mode->rules[stage];
    enum fault fault = NONE;
    flock(counts_fd, LOCK_EX);
    uint64_t call = ++counts->calls[stage];
    if (counts->serial < mode->serial) {
        counts->serial = mode->serial;
        memset(counts->faults_of_mode, 0, sizeof counts->faults_of_mode);
    }
    if (rule->fault && call >= rule->first
        && (!rule->times || counts->faults_of_mode[stage] < rule->times)) {
        fault = rule->fault;
        counts->faults[stage]++;
        counts->faults_of_mode[stage]++;
    }
    flock(counts_fd, LOCK_UN);
    return fault;
}

static void count(uint64_t *what) {
    flock(counts_fd, LOCK_EX);
    ++*what;
    flock(counts_fd, LOCK_UN);
}

/* Does not come back from those that end or hang the process. */
static void suffer(enum fault fault) {
    static volatile int *volatile nowhere = NULL;
    if (fault == SEGV) *nowhere = 0;
    if (fault == ABORT) {
        /* What LOG(FATAL) of the USB driver says, which is followed by abort(). */
        fputs("F driver/usb/usb_driver.cc:857] transfer on tag 2 failed. Abort. "
              "generic::unknown: USB transfer error 2 [LibUsbDataOutCallback]\n", stderr);
        abort();
    }
    while (fault == HANG) pause();
}

/* --- devices, which one process has at a time and shares within itself --- */

struct opened { struct device device; int fd, uses; };

static struct opened opened[MOST_DEVICES];

static bool is_same(const struct device *one, const struct device *other) {
    return one->plugging == other->plugging && !strcmp(one->path, other->path);
}

static struct opened *open_device(const struct device *device) {
    struct opened *place = NULL;
    char suffix[200], path[PATH];
    for (struct opened *one = opened; one < opened + MOST_DEVICES; one++) {
        if (!one->uses) place = place ? place : one;
        else if (is_same(&one->device, device)) { one->uses++; return one; }
    }
    if (!place) return NULL;
    snprintf(suffix, sizeof suffix, ".device%u%.127s", device->plugging, device->path);
    for (char *letter = suffix; *letter; letter++) if (*letter == '/') *letter = '-';
    int fd = open(beside(suffix, path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return NULL;
    if (flock(fd, LOCK_EX | LOCK_NB)) { close(fd); return NULL; }
    *place = (struct opened){*device, fd, 1};
    return place;
}

static void close_device(struct opened *one) {
    if (one && --one->uses == 0) close(one->fd);
}

static bool is_plugged(const struct opened *one, const struct mode *mode) {
    for (int place = 0; place < mode->device_count; place++)
        if (is_same(&one->device, &mode->devices[place])) return true;
    return false;
}

/* --- the options of a delegate --- */

static const char *option(char **keys, char **values, size_t count, const char *name) {
    for (size_t place = 0; place < count; place++)
        if (!strcmp(keys[place], name)) return values[place];
    return NULL;
}

static bool is_one_of(const char *value, const char *const *allowed) {
    if (!value) return true;
    for (; *allowed; allowed++) if (!strcmp(value, *allowed)) return true;
    return false;
}

/* Looked at only where the device has an index, as in the real one. */
static bool are_good(char **keys, char **values, size_t count) {
    static const char *const LEVELS[] = {"Low", "Medium", "High", "Max", NULL};
    static const char *const TRUTHS[] = {"True", "False", NULL};
    const char *queue = option(keys, values, count, "Usb.MaxBulkInQueueLength");
    if (queue) {
        char *end;
        long length = strtol(queue, &end, 10);
        if (end == queue || *end || length < 0 || length > 256) return false;
    }
    return is_one_of(option(keys, values, count, "Performance"), LEVELS)
        && is_one_of(option(keys, values, count, "Usb.AlwaysDfu"), TRUTHS);
}

/* `:N`, `usb:N`, `pci:N` */
static bool has_index(const char *device, const char *kind, int *index) {
    size_t length = strlen(kind);
    if (strncmp(device, kind, length) || device[length] != ':') return false;
    char *end;
    long number = strtol(device + length + 1, &end, 10);
    if (end == device + length + 1 || *end || number < 0 || number > 1000) return false;
    *index = (int)number;
    return true;
}

/* The first of a kind (-1: any), or the one with that index among its kind. */
static const struct device *nth(const struct mode *mode, int is_usb, int index) {
    for (int place = 0; place < mode->device_count; place++)
        if ((is_usb < 0 || mode->devices[place].is_usb == is_usb) && index-- == 0)
            return &mode->devices[place];
    return NULL;
}

static const struct device *chosen(const struct mode *mode, char **keys, char **values, size_t count)
{
    const char *wanted = option(keys, values, count, "device");
    int index;
    if (!wanted || !*wanted) {
        const struct device *pci = nth(mode, 0, 0);
        return pci ? pci : nth(mode, 1, 0);
    }
    if (!strcmp(wanted, "usb")) return nth(mode, 1, 0);
    if (!strcmp(wanted, "pci")) return nth(mode, 0, 0);
    if (!are_good(keys, values, count)) return NULL;
    if (has_index(wanted, "", &index)) return nth(mode, -1, index);
    if (has_index(wanted, "usb", &index)) return nth(mode, 1, index);
    if (has_index(wanted, "pci", &index)) return nth(mode, 0, index);
    return NULL;
}

static void log_creation(char **keys, char **values, size_t count, const char *path) {
    char name[PATH], line[1024];
    int length = snprintf(line, sizeof line, "%d\t%s", getpid(), path);
    for (size_t place = 0; place < count && length < 900; place++)
        length += snprintf(line + length, sizeof line - (size_t)length, "\t%.50s=%.50s",
                           keys[place], values[place]);
    line[length++] = '\n';
    int fd = open(beside(".log", name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length) give_up("cannot write the log");
    close(fd);
}

/* --- the delegate and its kernel --- */

struct state { Delegate delegate; struct opened *device; bool refuses_models; };

static void *kernel_init(Context *context, const char *buffer, size_t length) {
    (void)context, (void)length;
    return ((const DelegateParams *)buffer)->delegate->data;
}

static void kernel_free(Context *context, void *buffer) { (void)context, (void)buffer; }

static int kernel_prepare(Context *context, Node *node) {
    const struct state *state = node->user_data;
    if (state->refuses_models) {
        context->ReportError(context, "Failed to prepare for TPU. Failed precondition: Package "
                             "requires runtime version (14), which is newer than this runtime "
                             "version (13).");
        return TFLITE_ERROR;
    }
    bool is_twin = node->inputs->size == node->outputs->size;
    for (int place = 0; is_twin && place < node->inputs->size; place++)
        is_twin = context->tensors[node->inputs->data[place]].bytes
            == context->tensors[node->outputs->data[place]].bytes;
    if (is_twin) return TFLITE_OK;
    context->ReportError(context, "the stand-in of libedgetpu runs its own twins only");
    return TFLITE_ERROR;
}

static int kernel_invoke(Context *context, Node *node) {
    const struct state *state = node->user_data;
    struct mode mode = read_mode();
    enum fault fault = enter(INVOKE, &mode);
    if (mode.slow_us) {
        struct timespec pause = {mode.slow_us / 1000000, mode.slow_us % 1000000 * 1000};
        while (nanosleep(&pause, &pause));
        mode = read_mode(); /* it may have been unplugged since */
    }
    if (!fault && !is_plugged(state->device, &mode)) fault = mode.unplugged;
    suffer(fault);
    if (fault) {
        context->ReportError(context, "Failed to execute request. Edge TPU is not ready.");
        return TFLITE_ERROR;
    }
    for (int place = 0; place < node->inputs->size; place++) {
        const Tensor *in = &context->tensors[node->inputs->data[place]];
        memcpy(context->tensors[node->outputs->data[place]].data, in->data, in->bytes);
    }
    return TFLITE_OK;
}

static int delegate_prepare(Context *context, Delegate *delegate) {
    struct state *state = delegate->data;
    struct mode mode = read_mode();
    enum fault fault = enter(PREPARE, &mode);
    suffer(fault);
    state->refuses_models = fault != NONE;
    IntArray *plan;
    if (context->GetExecutionPlan(context, &plan)) return TFLITE_ERROR;
    int size = plan->size;
    int *places = malloc((size_t)size * sizeof *places); /* the plan changes below */
    IntArray *one = malloc(sizeof *one + sizeof *one->data);
    memcpy(places, plan->data, (size_t)size * sizeof *places);
    Registration kernel = {
        .init = kernel_init, .free = kernel_free, .prepare = kernel_prepare,
        .invoke = kernel_invoke, .custom_name = "EdgeTpuDelegateForCustomOp", .version = 1,
    };
    int status = TFLITE_OK;
    for (int place = 0; place < size && status == TFLITE_OK; place++) {
        Node *node;
        Registration *found;
        status = context->GetNodeAndRegistration(context, places[place], &node, &found);
        if (status || !found->custom_name || strcmp(found->custom_name, "edgetpu-custom-op"))
            continue;
        one->size = 1;
        one->data[0] = places[place];
        status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, one, delegate);
    }
    free(one);
    free(places);
    return status;
}

/* --- what the library offers --- */

struct edgetpu_device { int type; const char *path; };

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count_of_options,
                                        void (*report_error)(const char *)) {
    (void)report_error; /* the real one does not say why, either */
    struct mode mode = read_mode();
    enum fault fault = enter(CREATE, &mode);
    suffer(fault);
    const struct device *device = chosen(&mode, keys, values, count_of_options);
    struct opened *held = device && !fault ? open_device(device) : NULL;
    log_creation(keys, values, count_of_options, held ? held->device.path : "-");
    if (!held) return NULL;
    count(&counts->granted);
    struct state *state = calloc(1, sizeof *state);
    state->device = held;
    state->delegate = (Delegate){
        .data = state, .Prepare = delegate_prepare, .flags = ALLOW_DYNAMIC_TENSORS,
    };
    return &state->delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) {
    if (!delegate) return; /* Python destroys what was refused, too */
    struct state *state = delegate->data;
    close_device(state->device);
    free(state);
    count(&counts->destroyed);
}

struct edgetpu_device *edgetpu_list_devices(size_t *num_devices) {
    struct mode mode = read_mode();
    enum fault fault = enter(LIST, &mode);
    suffer(fault);
    *num_devices = fault ? 0 : (size_t)mode.device_count;
    if (!*num_devices) return NULL;
    size_t head = *num_devices * sizeof(struct edgetpu_device);
    struct edgetpu_device *devices = malloc(head + *num_devices * sizeof mode.devices[0].path);
    char *paths = (char *)devices + head;
    for (size_t place = 0; place < *num_devices; place++, paths += sizeof mode.devices[0].path)
        devices[place] = (struct edgetpu_device){
            mode.devices[place].is_usb, strcpy(paths, mode.devices[place].path)};
    return devices;
}

void edgetpu_free_devices(struct edgetpu_device *devices) { free(devices); }

const char *edgetpu_version(void) {
    static char version[128];
    struct mode mode = read_mode();
    snprintf(version, sizeof version, "%s", mode.version);
    return version;
}

/* A webcam without a kernel module: preloaded, it answers V4L2's ioctls on a regular file.
 *
 * The file's pages are the driver's buffers, which OpenCV maps as it would a device's. The camera
 * speaks MJPEG only, in 320x240 and 640x480, shows FILE.320.jpg or FILE.640.jpg, stamps each frame
 * 7 ms before it is there, by the monotonic clock, and is unplugged while FILE.gone exists. To a
 * reader that is late it hands out what fits into its buffers, and then new ones.
 * FILE.log gets a line for each format that was set and each number of buffers asked for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1 << 20, EXPOSURE_NS = 7000000 };

static unsigned width = 320, rate = 30, buffers, next_out, queued, kept;
static struct timespec due;

static int fail(int error) { errno = error; return -1; }

static void beside(int fd, const char *suffix, char *path, size_t size) {
    char link[64], name[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    name[length < 0 ? 0 : length] = 0;
    snprintf(path, size, "%s%s", name, suffix);
}

static void note(int fd, const char *what, unsigned value) {
    char path[600];
    beside(fd, ".log", path, sizeof path);
    FILE *log = fopen(path, "a");
    if (log) { fprintf(log, "%s %u\n", what, value); fclose(log); }
}

static void tell_format(struct v4l2_format *format) {
    memset(&format->fmt, 0, sizeof format->fmt);
    format->fmt.pix.width = width;
    format->fmt.pix.height = width * 3 / 4;
    format->fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
    format->fmt.pix.field = V4L2_FIELD_NONE;
    format->fmt.pix.sizeimage = SIZE;
}

static int hand_out(int fd, struct v4l2_buffer *buffer) {
    char path[600], suffix[16];
    struct timespec now;
    if (!queued) return fail(EAGAIN);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ns = now.tv_sec * 1000000000LL + now.tv_nsec, period = 1000000000LL / rate;
    long long then = due.tv_sec * 1000000000LL + due.tv_nsec;
    if (then && ns - then > period && kept < buffers) { ns = then; kept++; }
    else kept = 0;
    long long next = ns + period;
    due = (struct timespec){next / 1000000000, next % 1000000000};
    snprintf(suffix, sizeof suffix, ".%u.jpg", width);
    beside(fd, suffix, path, sizeof path);
    static char jpeg[SIZE];
    FILE *file = fopen(path, "r");
    if (!file) return fail(EIO);
    size_t length = fread(jpeg, 1, SIZE, file);
    fclose(file);
    buffer->index = next_out++ % buffers;
    if (pwrite(fd, jpeg, length, (off_t)buffer->index * SIZE) < 0) return -1;
    ns -= EXPOSURE_NS;
    buffer->timestamp = (struct timeval){ns / 1000000000, ns % 1000000000 / 1000};
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->bytesused = length;
    buffer->length = SIZE;
    buffer->m.offset = buffer->index * SIZE;
    queued--;
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    struct stat status;
    request &= 0xffffffff;
    if (_IOC_TYPE(request) != 'V' || fstat(fd, &status) || !S_ISREG(status.st_mode))
        return real(fd, request, argument);
    char gone[600];
    beside(fd, ".gone", gone, sizeof gone);
    if (!access(gone, F_OK)) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *can = argument;
        memset(can, 0, sizeof *can);
        strcpy((char *)can->card, "camera");
        can->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_S_FMT: {
        struct v4l2_format *format = argument;
        if (format->fmt.pix.width) width = format->fmt.pix.width >= 640 ? 640 : 320;
        note(fd, "width", width);
        tell_format(format);
        return 0;
    }
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT:
        tell_format(argument);
        return 0;
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parm = argument;
        struct v4l2_fract *frame = &parm->parm.capture.timeperframe;
        if (frame->numerator) rate = frame->denominator / frame->numerator;
        return 0;
    }
    case VIDIOC_G_PARM: {
        struct v4l2_streamparm *parm = argument;
        parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parm->parm.capture.timeperframe = (struct v4l2_fract){1, rate};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = argument;
        buffers = wanted->count;
        next_out = queued = 0;
        if (buffers) note(fd, "buffers", buffers);
        return ftruncate(fd, (off_t)buffers * SIZE);
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= buffers) return fail(EINVAL);
        buffer->length = SIZE;
        buffer->m.offset = buffer->index * SIZE;
        return 0;
    }
    case VIDIOC_QBUF:
        queued++;
        return 0;
    case VIDIOC_DQBUF:
        return hand_out(fd, argument);
    case VIDIOC_STREAMON:
        clock_gettime(CLOCK_MONOTONIC, &due);
        return 0;
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_STREAMOFF:
    case VIDIOC_S_INPUT:
        return 0;
    default:
        return fail(EINVAL);
    }
}

"""The C functions that :mod:`drywet.export.c_header` puts together; PREFIX becomes the model's name."""

ACTIVATIONS = {
    "Identity": "v",
    "Tanh": "tanhf(v)",
    "Fasttanh": "tanhf(v)",
    "Hardtanh": "v < -1.0f ? -1.0f : v > 1.0f ? 1.0f : v",
    "ReLU": "v > 0.0f ? v : 0.0f",
    "LeakyReLU": "v > 0.0f ? v : SLOPE * v",
    "PReLU": "v > 0.0f ? v : SLOPE * v",
    "Sigmoid": "0.5f + 0.5f * tanhf(0.5f * v)",
    "SiLU": "v * (0.5f + 0.5f * tanhf(0.5f * v))",
    "Softsign": "v / (1.0f + fabsf(v))",
    "ELU": "v > 0.0f ? v : expm1f(v)",
}

HELPERS = {
    "matrix": """static void PREFIX_matrix(const float *w, int rows, int columns, const float *x, float *y) {
    for (int r = 0; r < rows; r++) {
        y[r] = 0.0f;
        for (int c = 0; c < columns; c++) y[r] += w[r * columns + c] * x[c];
    }
}""",
    "film": """/* A scale and a shift for each channel from the knobs. */
static void PREFIX_film(const float *bend, const float *bend_bias, const float *spread, const float *spread_bias, int knobs,
                        int units, int channels, const float *at, float *scale, float *shift) {
    for (int c = 0; c < channels; c++) {
        scale[c] = 1.0f + spread_bias[c];
        shift[c] = spread_bias[channels + c];
    }
    for (int u = 0; u < units; u++) {
        float v = bend_bias[u];
        for (int k = 0; k < knobs; k++) v += bend[u * knobs + k] * (2.0f * at[k] - 1.0f);
        v = tanhf(v);
        for (int c = 0; c < channels; c++) {
            scale[c] += spread[c * units + u] * v;
            shift[c] += spread[(channels + c) * units + u] * v;
        }
    }
}""",
    "lstm": """/* Gates: input, forget, candidate, output. */
static void PREFIX_lstm(const float *wi, const float *wr, const float *b, const float *b2, const float *x, float *h, float *c,
                        float *gates, int inputs, int units) {
    for (int r = 0; r < 4 * units; r++) {
        float v = b[r] + b2[r];
        for (int i = 0; i < inputs; i++) v += wi[r * inputs + i] * x[i];
        for (int i = 0; i < units; i++) v += wr[r * units + i] * h[i];
        gates[r] = r / units == 2 ? tanhf(v) : 0.5f + 0.5f * tanhf(0.5f * v);
    }
    for (int j = 0; j < units; j++) {
        c[j] = gates[units + j] * c[j] + gates[j] * gates[2 * units + j];
        h[j] = gates[3 * units + j] * tanhf(c[j]);
    }
}""",
    "gru": """/* Gates: reset, update, new; reset after the recurrent product. */
static void PREFIX_gru(const float *wi, const float *wr, const float *b, const float *b2, const float *x, float *h, float *work,
                       int inputs, int units) {
    float *of_input = work, *of_state = work + 3 * units;
    for (int r = 0; r < 3 * units; r++) {
        of_input[r] = b[r];
        of_state[r] = b2[r];
        for (int i = 0; i < inputs; i++) of_input[r] += wi[r * inputs + i] * x[i];
        for (int i = 0; i < units; i++) of_state[r] += wr[r * units + i] * h[i];
    }
    for (int j = 0; j < units; j++) {
        float reset = 0.5f + 0.5f * tanhf(0.5f * (of_input[j] + of_state[j]));
        float update = 0.5f + 0.5f * tanhf(0.5f * (of_input[units + j] + of_state[units + j]));
        float fresh = tanhf(of_input[2 * units + j] + reset * of_state[2 * units + j]);
        h[j] = fresh + update * (h[j] - fresh);
    }
}""",
    "conv": """/* Causal; w is [tap][output][input], the first tap for the oldest sample; b may be null. ring holds the past. */
static void PREFIX_conv(const float *w, const float *b, int outputs, int inputs, int taps, int dilation, float *ring, int *at,
                        const float *x, float *y) {
    const int size = (taps - 1) * dilation + 1;
    for (int i = 0; i < inputs; i++) ring[*at * inputs + i] = x[i];
    for (int o = 0; o < outputs; o++) y[o] = b ? b[o] : 0.0f;
    for (int k = 0; k < taps; k++) {
        int place = *at - (taps - 1 - k) * dilation;
        if (place < 0) place += size;
        for (int o = 0; o < outputs; o++)
            for (int i = 0; i < inputs; i++) y[o] += w[(k * outputs + o) * inputs + i] * ring[place * inputs + i];
    }
    *at = (*at + 1) % size;
}""",
    "curve": """/* Straight pieces between knots, which increase; the outer pieces go on. */
static float PREFIX_curve(const float *knots, const float *values, int count, float x) {
    int n = 0;
    while (n < count - 2 && x > knots[n + 1]) n++;
    return values[n] + (values[n + 1] - values[n]) / (knots[n + 1] - knots[n]) * (x - knots[n]);
}""",
    "bank": """/* Complex one-pole filters; poles and readouts are [state][channel][real, imaginary]. u becomes the output. */
static void PREFIX_bank(const float *poles, const float *readouts, const float *direct, float *memory, float *u, int states,
                        int channels) {
    for (int c = 0; c < channels; c++) {
        const float in = u[c];
        float out = direct[c] * in;
        for (int n = 0; n < states; n++) {
            const int at = 2 * (n * channels + c);
            const float re = poles[at] * memory[at] - poles[at + 1] * memory[at + 1] + in;
            const float im = poles[at] * memory[at + 1] + poles[at + 1] * memory[at];
            memory[at] = re;
            memory[at + 1] = im;
            out += readouts[at] * re - readouts[at + 1] * im;
        }
        u[c] = out;
    }
}""",
    "dense_tanh": """/* y = tanh(x w + b), w is [input][output]. */
static void PREFIX_dense_tanh(const float *w, const float *b, int inputs, int outputs, const float *x, float *y) {
    for (int o = 0; o < outputs; o++) y[o] = b[o];
    for (int i = 0; i < inputs; i++)
        for (int o = 0; o < outputs; o++) y[o] += w[i * outputs + o] * x[i];
    for (int o = 0; o < outputs; o++) y[o] = tanhf(y[o]);
}""",
    "grey_numbers": """/* What the filters and the diodes need, from learned values; scale and shift may be null. */
static void PREFIX_grey_numbers(const float *of_filters, const float *of_stages, const float *scale, const float *shift,
                                int filters, int stages, double *rows, double *clippers) {
    const int many = 5 * filters;
    for (int n = 0; n < many + 7 * stages; n++) {
        double value = n < many ? of_filters[n] : of_stages[n - many];
        double *to = n < many ? rows + 6 * (n / 5) + n % 5 : clippers + (n - many);
        *to = value * (scale ? scale[n] : 1.0) + (shift ? shift[n] : 0.0);
    }
    for (int f = 0; f < filters; f++) {
        double *r = rows + 6 * f, climb = exp(r[0]), damping = exp(r[1]), low = r[2], band = r[3], high = r[4];
        r[0] = 1.0 / (1.0 + climb * (climb + damping));
        r[1] = r[0] * climb;
        r[2] = climb;
        r[3] = high;
        r[4] = damping * (band - high);
        r[5] = low - high;
    }
    for (int k = 0; k < stages; k++) {
        double *r = clippers + 7 * k;
        r[0] = exp(r[0]);
        r[1] = exp(r[1]);
        r[2] = 1.0 / (1.0 + exp(-r[2]));
        r[3] = 1.0 / (1.0 + exp(-r[3]));
        r[4] = exp(r[4]);
    }
}""",
    "grey_box": """/* The voltage across the diodes by Newton's method, from a start that it never overshoots. */
static double PREFIX_voltage(double target, double pull, double forward, double reverse, double ratio) {
    double conducting = target >= 0.0 ? forward : reverse, blocking = target >= 0.0 ? reverse : forward;
    double up = target >= 0.0 ? 1.0 : ratio, down = target >= 0.0 ? ratio : 1.0, size = fabs(target);
    double v = fmin(size / pull, log1p(size / conducting) / up);
    for (int n = 0; n < 30; n++) {
        double excess = pull * v + conducting * expm1(up * v) - blocking * expm1(-down * v) - size;
        double step = excess / (pull + conducting * up * exp(up * v) + blocking * down * exp(-down * v));
        v -= step;
        if (fabs(step) <= 1e-9 * (1.0 + fabs(v))) break;
    }
    return target >= 0.0 ? v : -v;
}

static double PREFIX_grey_box(const double *rows, const double *clippers, double *memory, double *volts, int filters,
                              int stages, int first_stage, double x) {
    for (int f = 0; f < filters; f++) {
        const double *r = rows + 6 * f;
        double *m = memory + 2 * f, band = r[0] * m[0] + r[1] * (x - m[1]), low = m[1] + r[2] * band;
        double y = r[3] * x + r[4] * band + r[5] * low;
        m[0] = 2.0 * band - m[0];
        m[1] = 2.0 * low - m[1];
        if (f >= first_stage && f < first_stage + stages) {
            const double *c = clippers + 7 * (f - first_stage);
            double *v = volts + (f - first_stage);
            *v = PREFIX_voltage(c[0] * y + c[1] * *v, 1.0 + c[1], c[2], c[3], c[4]);
            y = c[5] * *v + c[6] * x;
        }
        x = y;
    }
    return x;
}""",
}

MAIN = """#ifdef DRYWET_SELF_TEST
#include <stdio.h>
int main(void) {
    static PREFIX_state state;
    static float wet[COUNT];
    double largest = 0.0;
    PREFIX_reset(&state);
    PREFIX_process(&state, TEST_IN, wet, COUNT);
    for (int n = 0; n < COUNT; n++) largest = fmax(largest, fabs((double)wet[n] - TEST_OUT[n]));
    printf("%.3g\\n", largest);
    return !(largest <= TOLERANCE);
}
#endif"""

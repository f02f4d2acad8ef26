// One program stage per section; render.py puts "#version 330 core" and the common section before each.
//// common
vec3 linear(vec3 c) { return pow(c, vec3(2.2)); }
vec3 shown(vec3 c) { return pow(1.0 - exp(-1.35 * c), vec3(1.0 / 2.2)); }
float hash(vec2 p) { return fract(sin(dot(floor(p), vec2(127.1, 311.7))) * 43758.5453); }
float noise(vec2 p) {
    vec2 f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(p), hash(p + vec2(1, 0)), f.x), mix(hash(p + vec2(0, 1)), hash(p + vec2(1, 1)), f.x), f.y);
}
float clouds(vec2 p) { return 0.5 * noise(p) + 0.3 * noise(p * 2.3) + 0.2 * noise(p * 5.1); }

//// depth.vert
in vec3 position;
uniform mat4 light;
void main() { gl_Position = light * vec4(position, 1.0); }
//// depth.frag
void main() {}

//// room.vert
in vec3 position; in vec3 normal; in vec3 colour; in vec3 place;
uniform mat4 camera;
out vec3 world; out vec3 facing; out vec3 paint; out vec3 spot;
void main() {
    world = position; facing = normal; paint = colour; spot = place;
    gl_Position = camera * vec4(position, 1.0);
}
//// room.frag
// Floors, walls and things; once with the sun and once in the shade, as person's shadows come later.
in vec3 world; in vec3 facing; in vec3 paint; in vec3 spot;
uniform mat4 light; uniform sampler2DShadow caster; uniform float spread;
uniform vec3 sun; uniform vec3 sun_colour; uniform vec3 ambient; uniform vec3 bounce; uniform vec3 sky;
uniform int floor_kind; uniform int wall_kind; uniform vec2 floor_turn; uniform float haze;
uniform vec3 floor_a; uniform vec3 floor_b; uniform vec3 wall_a; uniform vec3 wall_b;
uniform vec4 mat_place; uniform vec2 mat_turn; uniform vec3 mat_colour;  // centre and half size
layout(location = 0) out vec4 lit;
layout(location = 1) out vec4 shaded;

float joint(float at, float width) {  // 1 on the joints between tiles
    float f = abs(fract(at + 0.5) - 0.5), w = fwidth(at);
    return (1.0 - smoothstep(width, width + max(w, 1e-4), f)) * clamp(width / max(w, 1e-4) * 2.0, 0.0, 1.0);
}
vec3 floor_paint(vec2 p) {
    vec2 q = vec2(dot(p, floor_turn), dot(p, vec2(-floor_turn.y, floor_turn.x)));
    if (floor_kind == 0) {
        float row = floor(q.y / 0.14), shift = hash(vec2(row, 3.0)) * 1.4;
        vec2 plank = vec2(floor((q.x + shift) / 1.4), row);
        float grain = noise(vec2(q.x * 3.0 + hash(plank) * 50.0, q.y * 90.0)) * 0.6 + noise(q * vec2(9.0, 200.0)) * 0.4;
        vec3 c = mix(floor_a, floor_b, 0.75 * hash(plank * 1.7) + 0.35 * (grain - 0.5));
        return c * (1.0 - 0.55 * max(joint(q.y / 0.14, 0.012), joint((q.x + shift) / 1.4, 0.0015)));
    }
    if (floor_kind == 1) {
        vec2 t = q / 0.45;
        vec3 c = floor_a * (0.96 + 0.08 * hash(t)) * (0.95 + 0.1 * clouds(q * 6.0));
        return mix(c, floor_b * 0.8, max(joint(t.x, 0.007), joint(t.y, 0.007)));
    }
    if (floor_kind == 2) return mix(floor_b, floor_a, 0.5 * noise(q * 260.0) + 0.5 * clouds(q * 9.0));
    if (floor_kind == 3) {
        float speck = step(0.93, hash(q * 220.0));
        vec2 t = q / 1.0;
        return mix(floor_a * (0.9 + 0.2 * clouds(q * 3.0)), floor_b, speck * 0.7)
            * (1.0 - 0.5 * max(joint(t.x, 0.003), joint(t.y, 0.003)));
    }
    if (floor_kind == 4) return mix(floor_b, floor_a, 0.7 * clouds(q * 1.6) + 0.3 * clouds(q * 14.0));
    float blades = noise(q * vec2(160.0, 130.0)) * 0.6 + noise(q * 47.0) * 0.4;
    return mix(floor_b, floor_a, blades * 0.9 + 0.4 * (clouds(q * 0.9) - 0.4));
}
vec3 wall_paint(vec2 p) {
    if (wall_kind == 1) {
        vec2 t = p / vec2(0.22, 0.075);
        t.x += 0.5 * mod(floor(t.y), 2.0);
        vec3 c = wall_a * (0.85 + 0.3 * hash(t)) * (0.9 + 0.2 * clouds(p * 20.0));
        return mix(c, wall_b * 1.1, max(joint(t.x, 0.025), joint(t.y, 0.07)));
    }
    if (wall_kind == 2) return wall_a * (1.0 - 0.5 * joint(p.x / 0.9, 0.006)) * (0.97 + 0.06 * noise(p * vec2(60, 2)));
    if (wall_kind == 3) return mix(wall_b * 0.5, wall_a, noise(p * 22.0) * 0.6 + clouds(p * 5.0) * 0.6);
    return mix(wall_a, wall_b, clouds(p * 1.5));
}
void main() {
    vec3 n = normalize(facing), c = linear(paint);
    float kind = floor(spot.z + 0.5), corner = 1.0;  // interpolated, so not exact
    if (kind == 1.0) {
        c = linear(floor_paint(world.xy));
        vec2 m = world.xy - mat_place.xy;
        m = vec2(dot(m, mat_turn), dot(m, vec2(-mat_turn.y, mat_turn.x)));
        vec2 in_mat = mat_place.zw - abs(m);
        float inside = min(in_mat.x, in_mat.y);
        corner = 1.0 - 0.35 * smoothstep(-0.03, 0.0, inside) * (1.0 - smoothstep(0.0, 0.004, inside));
        if (inside > 0.0) {
            float rib = 0.94 + 0.06 * noise(m * 300.0) + 0.04 * (clouds(m * 4.0) - 0.5);
            c = linear(mat_colour * rib * (1.0 - 0.25 * (1.0 - smoothstep(0.004, 0.010, inside))));
        }
    }
    if (kind == 2.0) { c = linear(wall_paint(spot.xy)); corner = 0.72 + 0.28 * smoothstep(0.0, 0.5, spot.y); }
    vec3 at = (light * vec4(world + n * 0.03, 1.0)).xyz * 0.5 + 0.5;
    float open = 0.0;
    for (int i = -2; i <= 2; i++) for (int j = -2; j <= 2; j++)
        open += texture(caster, vec3(at.xy + vec2(i, j) * spread, at.z - 0.002)) / 25.0;
    if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) open = 1.0;
    vec3 soft = mix(bounce, ambient, 0.5 + 0.5 * n.z) * corner;
    vec3 hard = sun_colour * max(dot(n, sun), 0.0) * open;
    float far = 1.0 - exp(-haze * length(world.xy));
    vec3 glow = kind == 4.0 ? vec3(1.4) : vec3(0.0);
    lit = vec4(shown(mix(c * (soft + hard + glow), linear(sky), far)), kind == 1.0 ? 1.0 : 0.0);
    shaded = vec4(shown(mix(c * (soft + glow), linear(sky), far)), 1.0);
}

//// back.vert
in vec2 corner;
uniform mat4 rays;
out vec3 ray; out vec2 pixel;
void main() {
    vec4 far = rays * vec4(corner, 1.0, 1.0), near = rays * vec4(corner, -1.0, 1.0);
    ray = far.xyz / far.w - near.xyz / near.w; pixel = corner * 0.5 + 0.5;
    gl_Position = vec4(corner, 0.0, 1.0);
}
//// back.frag
// The room behind the person, with the person's shadow on the floor.
in vec3 ray; in vec2 pixel;
uniform sampler2D lit; uniform sampler2D shaded; uniform sampler2D shadow; uniform sampler2D near;
uniform mat4 light; uniform vec3 eye; uniform vec4 near_place;
out vec4 colour;
void main() {
    vec4 bright = texture(lit, pixel);
    vec3 c = bright.rgb;
    if (bright.a > 0.0 && ray.z < 0.0) {
        vec3 p = eye - ray * (eye.z / ray.z);
        vec2 at = (light * vec4(p, 1.0)).xy * 0.5 + 0.5;
        c = mix(c, texture(shaded, pixel).rgb, texture(shadow, at).r * bright.a);
        c *= 1.0 - texture(near, (p.xy - near_place.xy) * near_place.zw).r * bright.a;
    }
    colour = vec4(c, 1.0);
}

//// body.vert
// Light, shadow and folds are reckoned here: most triangles are smaller than the block of pixels that a
// processor shades at once, so that per pixel it would be done many times over.
in vec3 position; in vec3 normal; in vec3 skin; in vec4 hem; in vec3 place;
uniform mat4 camera; uniform vec3 eye;
uniform mat4 light; uniform sampler2DShadow caster;
uniform vec3 sun; uniform vec3 sun_colour; uniform vec3 ambient; uniform vec3 bounce;
out vec3 paint; out vec4 inside; out vec3 received; out vec3 spot; out vec2 relief;  // folds and shine
void main() {
    vec3 n = normalize(normal), v = normalize(eye - position);
    float cloth = any(greaterThan(hem, vec4(0.0))) ? 1.0 : 0.0;
    float fold = 0.10 * (noise(place.xz * vec2(18.0, 9.0) + place.y * 7.0) - 0.5);
    vec3 at = (light * vec4(position + n * 0.02, 1.0)).xyz * 0.5 + 0.5;
    float open = 0.0;
    for (int i = 0; i < 4; i++)
        open += 0.25 * texture(caster, vec3(at.xy + (vec2(i & 1, i >> 1) - 0.5) * 0.006, at.z - 0.004));
    float facing_sun = dot(n, sun), wrap = mix(0.25, 0.0, cloth);
    float key = max((facing_sun + wrap) / (1.0 + wrap), 0.0) * mix(1.0, open, smoothstep(-0.1, 0.15, facing_sun));
    // the floor shades what lies close above it
    float ground = mix(0.45 + 0.55 * smoothstep(0.0, 0.45, position.z), 1.0, 0.5 + 0.5 * n.z);
    vec3 soft = mix(bounce, ambient, 0.5 + 0.5 * n.z) * ground;
    float facing = max(dot(n, v), 0.0);
    soft += 0.18 * ambient * facing;  // the room behind the camera
    float shine = pow(max(dot(n, normalize(sun + v)), 0.0), 24.0) * open * mix(0.10, 0.015, cloth);
    float rim = pow(1.0 - facing, 4.0) * 0.10;
    paint = skin; inside = hem; received = soft + sun_colour * key + rim * ambient;
    spot = place; relief = vec2(fold, shine);
    gl_Position = camera * vec4(position, 1.0);
}
//// body.frag
in vec3 paint; in vec4 inside; in vec3 received; in vec3 spot; in vec2 relief;
uniform vec3 layer[4]; uniform vec3 sun_colour;
out vec4 colour;
void main() {
    vec3 base = paint;
    vec4 w = max(fwidth(inside), 1e-5), cover = clamp(inside / w + 0.5, 0.0, 1.0);
    float edge = 1.0, strand = 0.0;
    if (cover[3] > 0.0) strand = 0.55 * noise(vec2(atan(spot.x, spot.y) * 40.0, spot.z * 30.0)) - 0.2;
    for (int i = 0; i < 4; i++) {
        base = mix(base, layer[i] * (1.0 + (i < 2 ? relief.x : i == 3 ? strand : 0.0)), cover[i]);
        // a seam inside the hem, and the shade of the cloth on the skin beside it
        edge *= 1.0 - 0.22 * cover[i] * (1.0 - smoothstep(0.0, 0.012, inside[i])) * float(i < 3);
        edge *= 1.0 - 0.25 * (1.0 - cover[i]) * smoothstep(-0.012, 0.0, inside[i]) * float(i < 3);
    }
    colour = vec4(shown((linear(base) * received + relief.y * sun_colour) * edge), 1.0);
}

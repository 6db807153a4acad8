"""Mistakes that recur from one exercise to the next, each in one wording.

In a task's table they stand after what they lead to; `but` puts another
nudge in the place of the usual one:

    {2 * macs: mistakes.flops_for_macs, weights: mistakes.….but("…")}
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class recurring:
    """What is said of a mistake.

    Attributes:
        diagnosis: one sentence that names it.
        nudge: one sentence that points the way.
    """

    diagnosis: str
    nudge: str

    def but(self, nudge: str) -> str:
        """Return the same diagnosis with another nudge."""
        return f"{self.diagnosis} {nudge}"

    def __str__(self) -> str:
        return self.but(self.nudge)


# --- Parameters ------------------------------------------------------------

forgot_biases = recurring(
    "You left out the biases.", "There is one for each output channel."
)
forgot_1x1_biases = recurring(
    "You left out the biases of the 1×1 convolutions.",
    "They have one for each output channel, like any convolution.",
)
counted_biases = recurring(
    "You counted the biases too.", "The question is about weights."
)
activations_for_parameters = recurring(
    "You counted activations.",
    "Parameters are shared over all positions, so the size of the map plays"
    " no part.",
)
multiplied_by_positions = recurring(
    "You multiplied by the number of positions.",
    "Parameters are shared over all positions, so the size of the map plays"
    " no part.",
)
forgot_input_channels = recurring(
    "You left out the input channels.",
    "Each output channel reads all of them.",
)
forgot_output_channels = recurring(
    "You left out the output channels.", "Each of them has kernels of its own."
)
forgot_to_square = recurring(
    "You took the side of the kernel for its size.",
    "A kernel has a height and a width.",
)
multiplied_layers = recurring(
    "You multiplied the weights of the two layers.", "They add up."
)
counted_one_kernel = recurring("You counted one kernel.", "There are two.")

# --- MACs, FLOPs and activations -------------------------------------------

flops_for_macs = recurring("These are FLOPs.", "One MAC is two FLOPs.")
macs_for_flops = recurring(
    "These are MACs.", "Each MAC is a multiplication and an addition."
)
counted_biases_as_macs = recurring(
    "You counted the biases too.",
    "Adding a bias is not a multiplication, so by convention it is not a MAC.",
)
weights_for_macs = recurring(
    "These are the weights.", "Each weight is used once at each position."
)
counted_one_row = recurring(
    "You counted one row of positions.", "The map has a height and a width."
)
counted_one_map = recurring(
    "You counted one map.", "There is a map for each output channel."
)
counted_depth_twice = recurring(
    "You multiplied by the number of output channels once too often.",
    "The size of the output already contains its channels. Each of its values"
    " sums over the kernel and the input channels.",
)
took_input_positions = recurring(
    "You took the positions of the input.",
    "Each weight is used once at each position of the output.",
)
input_for_activations = recurring(
    "This is the input of the layer.", "Activations are what a layer writes."
)
forgot_groups = recurring(
    "This is the layer without groups.",
    "How many input channels does an output channel read?",
)
counted_one_group = recurring(
    "You counted one group.", "All groups together make the output."
)
turned_around = recurring(
    "You turned the ratio around.",
    "Divide the larger count by the smaller one.",
)

# --- Bytes -----------------------------------------------------------------

bytes_for_numbers = recurring(
    "These are bytes.", "The question is how many numbers there are."
)
numbers_for_bytes = recurring(
    "These are numbers, not bytes.", "How many bytes does a float32 take?"
)
parameters_for_maps = recurring(
    "These are the bytes of the parameters.",
    "The question is about the maps that pass through.",
)
counted_one_stack = recurring(
    "That is one stack of maps alone.",
    "While a layer works, what it reads and what it writes must both be"
    " there.",
)
took_another_moment = recurring(
    "That is what one layer needs while it works.",
    "Is there a layer that needs more?",
)
kept_everything = recurring(
    "You kept everything.",
    "In inference, what lies further back is thrown away.",
)
kept_before_relus = recurring(
    "You kept what each convolution writes as well as what each ReLU writes.",
    "Which of the two does the backward pass never look at?",
)
forgot_to_keep_input = recurring(
    "You left out the input.",
    "What does the gradient of the first layer's weights need?",
)
inference_for_training = recurring(
    "That is the memory of inference.",
    "Training comes back to the input of every layer.",
)

# --- Sizes and padding -----------------------------------------------------

did_not_round = recurring(
    "You did not round.", "Half a step is not a position: round down."
)
rounded_up = recurring(
    "You rounded up.", "A window that does not fit as a whole is left out."
)
padded_one_side = recurring(
    "You added the padding once.", "PyTorch adds its padding on each side."
)
forgot_padding = recurring(
    "You left out the padding.", "The kernel walks over the padded map."
)
counted_steps = recurring(
    "You counted the steps.",
    "The kernel has a position before its first step, too.",
)
maps_shrink = recurring("Your maps shrink.", "Which padding keeps their size?")
maps_grow = recurring(
    "Your maps grow.", "A padding of (k − 1)/2 on each side keeps the size."
)
took_largest_kernel = recurring(
    "You took the largest kernel.", "The other kernels widen the view further."
)

# --- Layers of a block -----------------------------------------------------

forgot_1x1 = recurring(
    "You left out the 1×1 convolution.", "It is cheap, but not free."
)
forgot_1x1s = recurring(
    "You left out the 1×1 convolutions.", "They are cheap, but not free."
)
counted_1x1_alone = recurring(
    "You counted the 1×1 convolution alone.", "A larger kernel follows it."
)
counted_first_alone = recurring(
    "You counted the spatial convolution alone.",
    "Two more convolutions follow it.",
)
counted_one_1x1 = recurring(
    "You counted one 1×1 convolution.", "How many does the block have?"
)
enlarged_1x1 = recurring(
    "You gave the 1×1 convolution a larger kernel.",
    "How many positions does a 1×1 kernel cover?",
)
reads_first_input = recurring(
    "You let a later layer read what the first one reads.",
    "Each layer reads what the layer before it has made.",
)
forgot_projection = recurring(
    "You left out the projection.",
    "Where the shape changes, the shortcut has a convolution too.",
)
counted_projection = recurring(
    "You counted a projection.",
    "In the naive form nothing follows the pooling.",
)
layer_missing = recurring(
    "A convolution is missing.", "The block has three of them."
)
took_grey_image = recurring(
    "You gave the network a grey image.",
    "How many channels does the input have here?",
)

# --- Tensors ---------------------------------------------------------------

swapped_sides = recurring(
    "Height and width are swapped.", "The layout is (B, C, H, W)."
)
channels_last = recurring(
    "Your channels come last.", "The layout is (B, C, H, W)."
)
swapped_channels = recurring(
    "Input and output channels are swapped.",
    "A weight has the shape (C_out, C_in, height, width).",
)
transposed = recurring(
    "This is the transpose.", "Rows belong to outputs and columns to inputs."
)
cut_negatives = recurring(
    "You cut off the negative values.",
    "Places that speak against a class belong to its map.",
)
applied_softmax = recurring(
    "You applied a softmax over the classes.",
    "Class maps belong to the logits; the softmax comes after them.",
)
took_maximum = recurring(
    "You took the maximum, not the average.",
    "In an average every pixel has its share.",
)
took_sum = recurring(
    "You took the sum, not the average.", "By what does an average divide?"
)

# --- Modules ---------------------------------------------------------------

relu_missing = recurring(
    "A ReLU between your convolutions is missing.",
    "Without it, two convolutions in a row are a single one.",
)
relu_on_scores = recurring(
    "There is a ReLU after the scores.",
    "A score may be negative, and one that is cut off gets no gradient.",
)
relu_before_sum = recurring(
    "Your last ReLU is in the branch, before the sum.",
    "It belongs after the sum.",
)
relu_after_sum_missing = recurring(
    "There is no ReLU after the sum.", "The block ends with one."
)
shortcut_missing = recurring(
    "The shortcut is missing.", "What makes the block residual is the sum."
)
projected_with_3x3 = recurring(
    "Your projection has a 3×3 kernel.",
    "A 1×1 is enough to change the number of channels.",
)

# --- Gradients -------------------------------------------------------------

batch_not_summed = recurring(
    "You have not summed over the batch.",
    "All images use the same parameters, and the loss is that of all.",
)
averaged_batch = recurring(
    "You averaged over the batch.",
    "Where the loss is a mean, `G` already has that factor; here every image"
    " just adds its part.",
)
averaged_map = recurring(
    "You averaged over the positions.",
    "Each position adds to the loss, so the gradient is their sum.",
)

/* SPDX-License-Identifier: MIT
 * Names of positional arguments, and the functional operators of torch 2.15.0 that have them. Written by
 * tools/registry.py. */
#include "ops/internal.h"

const char *const pt2_op_arguments[] = {
    "(A) aten._linalg_det aten._linalg_slogdet aten.linalg_det aten.linalg_diagonal aten.linalg_inv "
    "aten.linalg_inv_ex aten.linalg_lu aten.linalg_lu_factor aten.linalg_lu_factor_ex aten.linalg_polar "
    "aten.linalg_slogdet aten.linalg_svdvals",
    "(A B) aten._linalg_solve_ex aten._spsolve aten.linalg_solve aten.linalg_solve_ex",
    "(A UPLO compute_v) aten._linalg_eigh",
    "(A full_matrices) aten.linalg_svd",
    "(A full_matrices compute_uv) aten._linalg_svd",
    "(A mode) aten.linalg_qr",
    "(LD pivots B) aten.linalg_ldl_solve",
    "(LU pivots B) aten.linalg_lu_solve",
    "(LU_data LU_pivots unpack_data unpack_pivots) aten.lu_unpack",
    "(a a_scale a_zero_point a_quant_min a_quant_max b b_scale b_zero_point b_quant_min b_quant_max out_scale "
    "out_zero_point out_quant_min out_quant_max) quantized_decomposed.add quantized_decomposed.add_relu",
    "(a b) torchao.int_matmul",
    "(a b a_scale b_scale) torchao.mx_fp8_bf16",
    "(a b scales1) torchao.int_scaled_matmul",
    "(a size stride dtype) aten._assert_tensor_metadata",
    "(abs angle) aten.polar",
    "(anchor positive negative margin p eps swap reduction) aten.triplet_margin_loss",
    "(any) aten._nested_get_jagged_dummy",
    "(ccol_indices row_indices values) aten.sparse_bsc_tensor.ccol_row_value aten.sparse_csc_tensor.ccol_row_value",
    "(ccol_indices row_indices values size) aten._sparse_bsc_tensor_unsafe aten._sparse_csc_tensor_unsafe "
    "aten.sparse_bsc_tensor.ccol_row_value_size aten.sparse_csc_tensor.ccol_row_value_size",
    "(ccol_indices row_indices values size check_pinning) aten._validate_sparse_bsc_tensor_args "
    "aten._validate_sparse_csc_tensor_args",
    "(compressed_A dense_B bias alpha out_dtype transpose_result) aten._cslt_sparse_mm_search",
    "(compressed_A dense_B bias alpha out_dtype transpose_result alg_id split_k split_k_mode) aten._cslt_sparse_mm",
    "(compressed_indices plain_indices values) aten.sparse_compressed_tensor.comp_plain_value",
    "(compressed_indices plain_indices values size) aten._sparse_compressed_tensor_unsafe "
    "aten.sparse_compressed_tensor.comp_plain_value_size",
    "(compressed_indices plain_indices values size layout check_pinning) aten._validate_sparse_compressed_tensor_args",
    "(condition) aten.where",
    "(condition self other) aten.where.Scalar aten.where.ScalarOther aten.where.ScalarSelf aten.where.self",
    "(context_id) aten.get_gradients",
    "(count prob generator) aten.binomial",
    "(crow_indices col_indices) aten._convert_indices_from_csr_to_coo",
    "(crow_indices col_indices values) aten.sparse_bsr_tensor.crow_col_value aten.sparse_csr_tensor.crow_col_value",
    "(crow_indices col_indices values size) aten._sparse_bsr_tensor_unsafe aten._sparse_csr_tensor_unsafe "
    "aten.sparse_bsr_tensor.crow_col_value_size aten.sparse_csr_tensor.crow_col_value_size",
    "(crow_indices col_indices values size check_pinning) aten._validate_sparse_bsr_tensor_args "
    "aten._validate_sparse_csr_tensor_args",
    "(data batch_sizes batch_first padding_value total_length) aten._pad_packed_sequence",
    "(data batch_sizes hx params has_biases num_layers dropout train bidirectional) aten.gru.data aten.lstm.data "
    "aten.quantized_gru.data aten.quantized_gru.data_legacy aten.quantized_lstm.data aten.quantized_lstm.data_legacy "
    "aten.rnn_relu.data aten.rnn_tanh.data",
    "(data reduce) aten.segment_reduce",
    "(dense) aten._to_sparse_semi_structured",
    "(dense offsets total_L) aten._padded_dense_to_jagged_forward",
    "(device_index) aten._cufft_clear_plan_cache aten._cufft_get_plan_cache_max_size aten._cufft_get_plan_cache_size",
    "(device_index max_size) aten._cufft_set_plan_cache_max_size",
    "(diagonals offsets shape layout) aten._spdiags",
    "(dropout train dropout_seed) aten._cudnn_init_dropout_state",
    "(dual level) aten._unpack_dual",
    "(dummy a b) aten._test_ambiguous_defaults.a aten._test_ambiguous_defaults.b aten._test_string_default",
    "(element test_elements) aten.isin.Scalar_Tensor",
    "(elements test_element) aten.isin.Tensor_Scalar",
    "(elements test_elements) aten.isin.Tensor_Tensor",
    "(end) aten.arange",
    "(equation tensors) aten.einsum",
    "(filename shared size) aten.from_file",
    "(flat tensors) aten.unflatten_dense_tensors",
    "(from_ to) aten.can_cast",
    "(ggI ggW ggb gO weight self stride padding dilation transposed output_padding groups output_mask) "
    "aten._convolution_double_backward",
    "(glu x dx dim) aten.glu_jvp",
    "(grad N C H W) aten.cudnn_affine_grid_generator_backward",
    "(grad dim indices sizes keepdim) aten.value_selecting_reduction_backward",
    "(grad indices num_weights padding_idx scale_grad_by_freq) aten.embedding_sparse_backward",
    "(grad indices num_weights padding_idx scale_grad_by_freq sparse) aten.embedding_backward",
    "(grad indices offset2bag bag_size maximum_indices num_weights scale_grad_by_freq mode per_sample_weights "
    "padding_idx) aten._embedding_bag_dense_backward",
    "(grad indices offsets offset2bag bag_size maximum_indices num_weights scale_grad_by_freq mode sparse "
    "per_sample_weights padding_idx) aten._embedding_bag_backward",
    "(grad indices offsets offset2bag bag_size num_weights scale_grad_by_freq mode per_sample_weights padding_idx) "
    "aten._embedding_bag_sparse_backward",
    "(grad input) aten.to_mkldnn_backward",
    "(grad input dim output) aten.cumprod_backward",
    "(grad input indices dim) aten.cummaxmin_backward",
    "(grad input mask) aten.masked_select_backward",
    "(grad input masked_grad) aten.to_dense_backward",
    "(grad input_size batch_sizes batch_first) aten._pack_padded_sequence_backward",
    "(grad log_probs targets input_lengths target_lengths neg_log_likelihood log_alpha blank zero_infinity) "
    "aten._ctc_loss_backward aten._ctc_loss_backward.Tensor",
    "(grad mask) aten.fake_quantize_per_channel_affine_cachemask_backward "
    "aten.fake_quantize_per_tensor_affine_cachemask_backward",
    "(grad output data reduce) aten._segment_reduce_backward",
    "(grad self) aten.infinitely_differentiable_gelu_backward",
    "(grad self dim) aten._sparse_sum_backward",
    "(grad self dim index sparse_grad) aten.gather_backward",
    "(grad self dim keepdim) aten._nested_sum_backward",
    "(grad self other mask) aten.matmul_backward",
    "(grad self scale zero_point axis quant_min quant_max grad_factor) "
    "aten._fake_quantize_learnable_per_channel_affine_backward",
    "(grad self scale zero_point quant_min quant_max grad_factor) "
    "aten._fake_quantize_learnable_per_tensor_affine_backward",
    "(grad self_sizes dim index) aten.index_select_backward",
    "(grad size align_corners) aten.affine_grid_generator_backward",
    "(grad sizes) aten.trace_backward",
    "(grad weight indices offsets offset2bag mode padding_idx) aten._embedding_bag_per_sample_weights_backward",
    "(grad_hy grad_cy cx cy workspace has_bias) aten._thnn_fused_lstm_cell_backward "
    "aten._thnn_fused_lstm_cell_backward_impl",
    "(grad_hy grad_cy input_gates hidden_gates input_bias hidden_bias cx cy) "
    "aten._thnn_differentiable_lstm_cell_backward",
    "(grad_hy input_gates hidden_gates hx input_bias hidden_bias) aten._thnn_differentiable_gru_cell_backward",
    "(grad_hy workspace has_bias) aten._thnn_fused_gru_cell_backward",
    "(grad_in input_sizes dim size step) aten.unfold_backward",
    "(grad_out input mean invstd weight input_g weight_g bias_g) aten.batch_norm_backward_reduce",
    "(grad_out input mean invstd weight sum_dy sum_dy_xmu count) aten.batch_norm_backward_elemt",
    "(grad_out input mean rstd weight N C HxW group output_mask) aten.native_group_norm_backward",
    "(grad_out input normalized_shape mean rstd weight bias output_mask) aten.native_layer_norm_backward",
    "(grad_out input normalized_shape rstd weight output_mask) aten._fused_rms_norm_backward",
    "(grad_out input weight running_mean running_var save_mean save_invstd train eps output_mask) "
    "aten.native_batch_norm_backward",
    "(grad_out input weight running_mean running_var save_mean save_var update eps output_mask reserve) "
    "aten.batch_norm_backward",
    "(grad_out query key value attn_bias grad_input_mask out logsumexp cum_seq_q cum_seq_k max_q max_k dropout_p "
    "is_causal philox_seed philox_offset) aten._scaled_dot_product_fused_attention_overrideable_backward",
    "(grad_out query key value out logsumexp cum_seq_q cum_seq_k max_q max_k dropout_p is_causal philox_seed "
    "philox_offset) aten._scaled_dot_product_flash_attention_backward",
    "(grad_out query key value out logsumexp cum_seq_q cum_seq_k max_q max_k dropout_p is_causal rng_state unused) "
    "aten._flash_attention_backward",
    "(grad_out query key value out logsumexp dropout_p is_causal) "
    "aten._scaled_dot_product_flash_attention_for_cpu_backward",
    "(grad_out query key value out logsumexp philox_seed philox_offset attn_bias cum_seq_q cum_seq_k max_q max_k "
    "dropout_p is_causal) aten._cudnn_attention_backward aten._scaled_dot_product_cudnn_attention_backward",
    "(grad_out self lambd) aten.hardshrink_backward",
    "(grad_out_ query key value attn_bias out logsumexp philox_seed philox_offset dropout_p grad_input_mask "
    "is_causal) aten._scaled_dot_product_efficient_attention_backward",
    "(grad_out_ query key value bias out cu_seqlens_q cu_seqlens_k max_seqlen_q max_seqlen_k logsumexp dropout_p "
    "philox_seed philox_offset custom_mask_type bias_requires_grad) aten._efficient_attention_backward",
    "(grad_output alpha scale input_scale is_result self_or_result) aten.elu_backward",
    "(grad_output indices num_weights padding_idx scale_grad_by_freq) aten.embedding_dense_backward",
    "(grad_output input grid interpolation_mode padding_mode align_corners) "
    "aten._grid_sampler_2d_cpu_fallback_backward",
    "(grad_output input grid interpolation_mode padding_mode align_corners output_mask) aten.grid_sampler_2d_backward "
    "aten.grid_sampler_3d_backward",
    "(grad_output input weight bias_defined) aten.mkldnn_linear_backward_weights",
    "(grad_output input weight bias_sizes stride padding dilation transposed output_padding groups output_mask) "
    "aten.convolution_backward",
    "(grad_output input weight stride padding dilation transposed output_padding groups output_mask) "
    "aten.convolution_backward_overrideable",
    "(grad_output input_sizes dim index) aten.select_backward",
    "(grad_output input_sizes dim start end step) aten.slice_backward",
    "(grad_output input_sizes offset dim1 dim2) aten.diagonal_backward",
    "(grad_output mask scale) aten.native_dropout_backward",
    "(grad_output mask sizes) aten.masked_scatter_backward",
    "(grad_output output) aten.sigmoid_backward aten.tanh_backward",
    "(grad_output output dim input_dtype) aten._log_softmax_backward_data aten._softmax_backward_data",
    "(grad_output output dim self) aten._sparse_log_softmax_backward_data aten._sparse_softmax_backward_data",
    "(grad_output output input kernel_size stride padding dilation ceil_mode) aten.mkldnn_max_pool2d_backward "
    "aten.mkldnn_max_pool3d_backward",
    "(grad_output output mask dim) aten._masked_softmax_backward",
    "(grad_output output_size input_size align_corners scales) aten.upsample_linear1d_backward",
    "(grad_output output_size input_size align_corners scales_d scales_h scales_w) aten.upsample_trilinear3d_backward",
    "(grad_output output_size input_size align_corners scales_h scales_w) aten._upsample_bicubic2d_aa_backward "
    "aten._upsample_bilinear2d_aa_backward aten._upsample_lanczos2d_aa_backward aten.upsample_bicubic2d_backward "
    "aten.upsample_bilinear2d_backward",
    "(grad_output output_size input_size scales) aten._upsample_nearest_exact1d_backward "
    "aten.upsample_nearest1d_backward",
    "(grad_output output_size input_size scales_d scales_h scales_w) aten._upsample_nearest_exact3d_backward "
    "aten.upsample_nearest3d_backward",
    "(grad_output output_size input_size scales_h scales_w) aten._upsample_nearest_exact2d_backward "
    "aten.upsample_nearest2d_backward",
    "(grad_output self) aten._adaptive_avg_pool2d_backward aten._adaptive_avg_pool3d_backward aten.gelu_backward "
    "aten.hardsigmoid_backward aten.hardswish_backward aten.mish_backward aten.mkldnn_adaptive_avg_pool2d_backward "
    "aten.silu_backward",
    "(grad_output self beta threshold) aten.softplus_backward",
    "(grad_output self buffer) aten.log_sigmoid_backward",
    "(grad_output self dim) aten.glu_backward",
    "(grad_output self dim index) aten._nested_select_backward",
    "(grad_output self eps) aten.logit_backward",
    "(grad_output self indices) aten.adaptive_max_pool2d_backward aten.adaptive_max_pool3d_backward",
    "(grad_output self kernel_size output_size indices) aten.fractional_max_pool2d_backward "
    "aten.fractional_max_pool3d_backward",
    "(grad_output self kernel_size stride padding ceil_mode count_include_pad divisor_override) "
    "aten.avg_pool2d_backward aten.avg_pool3d_backward",
    "(grad_output self kernel_size stride padding dilation ceil_mode) aten.max_pool2d_backward",
    "(grad_output self kernel_size stride padding dilation ceil_mode indices) aten.max_pool2d_with_indices_backward "
    "aten.max_pool3d_with_indices_backward",
    "(grad_output self lambd) aten.softshrink_backward",
    "(grad_output self min_val max_val) aten.hardtanh_backward",
    "(grad_output self negative_slope self_is_result) aten.leaky_relu_backward",
    "(grad_output self noise lower upper training self_is_result) aten.rrelu_with_noise_backward",
    "(grad_output self p pdist) aten._pdist_backward",
    "(grad_output self padding) aten.reflection_pad1d_backward aten.reflection_pad2d_backward "
    "aten.reflection_pad3d_backward aten.replication_pad1d_backward aten.replication_pad2d_backward "
    "aten.replication_pad3d_backward",
    "(grad_output self target p margin weight reduction) aten.multi_margin_loss_backward",
    "(grad_output self target reduction) aten.mse_loss_backward aten.soft_margin_loss_backward",
    "(grad_output self target reduction beta) aten.smooth_l1_loss_backward",
    "(grad_output self target reduction delta) aten.huber_loss_backward",
    "(grad_output self target reduction is_target) aten.multilabel_margin_loss_backward",
    "(grad_output self target weight reduction) aten.binary_cross_entropy_backward",
    "(grad_output self target weight reduction ignore_index total_weight) aten.nll_loss2d_backward "
    "aten.nll_loss_backward",
    "(grad_output self threshold) aten.threshold_backward",
    "(grad_output self weight) aten._prelu_kernel_backward",
    "(grad_output self weight kernel_size stride padding output_mask) aten._slow_conv2d_backward.output_mask",
    "(grad_output x1 x2 p cdist) aten._cdist_backward",
    "(grad_w saved_v saved_g saved_norms dim) aten._weight_norm_differentiable_backward "
    "aten._weight_norm_interface_backward",
    "(grad_x grad_glu x dgrad_glu dx dim) aten.glu_backward_jvp",
    "(grad_y grad_hy grad_cy z_state cell_state_fwd input layersOutputs hx params has_biases num_layers dropout train "
    "bidirectional batch_first) aten.lstm_mps_backward",
    "(high size) aten.randint aten.randint.generator",
    "(i1 i2 i3 expand1 expand2 expand3 sumdim unroll_dim) aten._trilinear",
    "(impl_index input grad_output weight running_mean running_var save_mean save_var_transform train eps output_mask "
    "reservedSpace) aten._batch_norm_impl_index_backward",
    "(indices values) aten.sparse_coo_tensor.indices",
    "(indices values size) aten._sparse_coo_tensor_unsafe aten.sparse_coo_tensor.indices_size",
    "(indices values size is_coalesced check_pinning) aten._validate_sparse_coo_tensor_args",
    "(info api_name) aten._linalg_check_errors",
    "(inp packed_weights block_size in_features out_features) aten._dyn_quant_matmul_4bit",
    "(input) aten._cslt_compress aten.fbgemm_linear_quantize_weight aten.fbgemm_pack_gemm_matrix_fp16 "
    "aten.fbgemm_pack_quantized_matrix aten.linalg_matrix_rank.atol_rtol_tensor",
    "(input K N) aten.fbgemm_pack_quantized_matrix.KN",
    "(input algorithm use_cutlass) aten._sparse_semi_structured_tile",
    "(input block_size scale zero_point input_dtype quant_min quant_max output_dtype) torchao.dequantize_affine",
    "(input block_size scale zero_point output_dtype quant_min quant_max) torchao.quantize_affine",
    "(input coefficients) aten._compute_linear_combination",
    "(input dtype) quantized_decomposed._choose_qparams_per_token_asymmetric_impl "
    "quantized_decomposed.choose_qparams_per_token quantized_decomposed.choose_qparams_per_token_asymmetric "
    "quantized_decomposed.convert_element_type.no_fuse",
    "(input eps) aten.batch_norm_stats",
    "(input grad_output weight running_mean running_var save_mean save_var epsilon) aten.miopen_batch_norm_backward",
    "(input grad_output weight running_mean running_var save_mean save_var epsilon reserveSpace) "
    "aten.cudnn_batch_norm_backward",
    "(input grid interpolation_mode padding_mode align_corners) aten._grid_sampler_2d_cpu_fallback aten.grid_sampler "
    "aten.grid_sampler_2d aten.grid_sampler_3d",
    "(input hx params has_biases num_layers dropout train bidirectional batch_first) aten._lstm_mps aten.gru.input "
    "aten.lstm.input aten.quantized_gru.input aten.quantized_gru.input_legacy aten.quantized_lstm.input "
    "aten.quantized_lstm.input_legacy aten.rnn_relu.input aten.rnn_tanh.input",
    "(input hx w_ih w_hh b_ih b_hh) aten.gru_cell aten.lstm_cell aten.rnn_relu_cell aten.rnn_tanh_cell",
    "(input hx w_ih w_hh b_ih b_hh packed_ih packed_hh col_offsets_ih col_offsets_hh scale_ih scale_hh zero_point_ih "
    "zero_point_hh) aten.quantized_gru_cell aten.quantized_lstm_cell aten.quantized_rnn_relu_cell "
    "aten.quantized_rnn_tanh_cell",
    "(input input_scale input_zero_point packed_weight output_scale output_zero_point out_channel) "
    "aten._wrapped_quantized_linear_prepacked",
    "(input input_scale weight weight_meta weight_scale bias out_dtype) "
    "torchao.rowwise_scaled_linear_sparse_cutlass_f8f8",
    "(input input_scales input_qzeros weight weight_scales weight_qzeros compensation bias output_dtype) "
    "torchao.da8w4_linear_cpu",
    "(input input_scales weight weight_scales bias output_dtype) torchao.float8_linear_cpu",
    "(input lengths batch_first) aten._pack_padded_sequence",
    "(input mapping_type block_size target_dtype quant_min quant_max eps scale_dtype zero_point_dtype keepdim) "
    "torchao.choose_qparams_affine",
    "(input mat1 mat1_meta mat2) aten._sparse_semi_structured_addmm",
    "(input mean invstd running_mean running_var momentum eps count) aten.batch_norm_gather_stats",
    "(input mean invstd running_mean running_var momentum eps counts) aten.batch_norm_gather_stats_with_counts",
    "(input normalized_shape weight bias eps) aten.native_layer_norm",
    "(input normalized_shape weight bias eps cudnn_enable) aten.layer_norm",
    "(input normalized_shape weight eps) aten._fused_rms_norm aten.rms_norm",
    "(input num_groups weight bias eps cudnn_enabled) aten.group_norm",
    "(input numel n_bins ratio bit_width) aten.choose_qparams_optimized",
    "(input output) aten._propagate_xla_data",
    "(input output_size align_corners scale_factors) aten._upsample_bicubic2d_aa.vec aten._upsample_bilinear2d_aa.vec "
    "aten._upsample_lanczos2d_aa.vec aten.upsample_bicubic2d.vec aten.upsample_bilinear2d.vec "
    "aten.upsample_linear1d.vec aten.upsample_trilinear3d.vec",
    "(input output_size scale_factors) aten._upsample_nearest_exact1d.vec aten._upsample_nearest_exact2d.vec "
    "aten._upsample_nearest_exact3d.vec aten.upsample_nearest1d.vec aten.upsample_nearest2d.vec "
    "aten.upsample_nearest3d.vec",
    "(input p train) aten.alpha_dropout aten.dropout aten.feature_alpha_dropout aten.feature_dropout "
    "aten.native_dropout",
    "(input packed_weight bias) aten.fbgemm_linear_fp16_weight aten.fbgemm_linear_fp16_weight_fp32_activation",
    "(input quant_min quant_max eps dtype) quantized_decomposed.choose_qparams.tensor "
    "quantized_decomposed.choose_qparams_symmetric.tensor",
    "(input running_mean running_var momentum) aten.batch_norm_update_stats",
    "(input scale zero_point quant_min quant_max dtype) quantized_decomposed.dequantize_per_tensor "
    "quantized_decomposed.dequantize_per_tensor.tensor quantized_decomposed.dequantize_per_tensor.tensor2 "
    "quantized_decomposed.quantize_per_tensor quantized_decomposed.quantize_per_tensor.tensor "
    "quantized_decomposed.quantize_per_tensor.tensor2",
    "(input scales zero_points axis quant_min quant_max) quantized_decomposed.fake_quant_per_channel",
    "(input scales zero_points axis quant_min quant_max dtype) quantized_decomposed.dequantize_per_channel "
    "quantized_decomposed.quantize_per_channel",
    "(input scales zero_points quant_min quant_max dtype) quantized_decomposed.quantize_per_token",
    "(input scales zero_points quant_min quant_max dtype group_size) quantized_decomposed.quantize_per_channel_group",
    "(input scales zero_points quant_min quant_max dtype group_size output_dtype) "
    "quantized_decomposed.dequantize_per_channel_group",
    "(input scales zero_points quant_min quant_max dtype output_dtype) quantized_decomposed.dequantize_per_token",
    "(input target log_input full eps reduction) aten.poisson_nll_loss",
    "(input tau) aten.linalg_householder_product",
    "(input thread_masks) aten._sparse_semi_structured_apply aten._sparse_semi_structured_apply_dense",
    "(input tol hermitian) aten.linalg_matrix_rank.tol_tensor",
    "(input weight bias) aten.linear",
    "(input weight bias N C HxW group eps) aten.native_group_norm",
    "(input weight bias mean invstd eps) aten.batch_norm_elemt",
    "(input weight bias mean var eps output_scale output_zero_point) aten.quantized_batch_norm",
    "(input weight bias padding stride) aten._nnpack_spatial_convolution",
    "(input weight bias running_mean running_var momentum eps) aten._batch_norm_no_update "
    "aten._batch_norm_with_update_functional aten._native_batch_norm_legit_no_training",
    "(input weight bias running_mean running_var training exponential_average_factor epsilon) aten.cudnn_batch_norm "
    "aten.miopen_batch_norm",
    "(input weight bias running_mean running_var training momentum eps) aten._native_batch_norm_legit_functional "
    "aten.native_batch_norm",
    "(input weight bias running_mean running_var training momentum eps cudnn_enabled) aten._batch_norm_impl_index "
    "aten.batch_norm",
    "(input weight bias running_mean running_var use_input_stats momentum eps cudnn_enabled) aten.instance_norm",
    "(input weight bias stride padding dilation groups) aten._convolution_mode aten.conv1d aten.conv1d.padding "
    "aten.conv2d aten.conv2d.padding aten.conv3d aten.conv3d.padding",
    "(input weight bias stride padding dilation transposed output_padding groups) aten.convolution "
    "aten.convolution_overrideable",
    "(input weight bias stride padding dilation transposed output_padding groups benchmark deterministic "
    "cudnn_enabled) aten._convolution.deprecated",
    "(input weight bias stride padding dilation transposed output_padding groups benchmark deterministic "
    "cudnn_enabled allow_tf32) aten._convolution",
    "(input weight bias stride padding output_padding groups dilation) aten.conv_transpose1d "
    "aten.conv_transpose2d.input aten.conv_transpose3d.input",
    "(input weight bias training momentum eps) aten._native_batch_norm_legit.no_stats",
    "(input weight meta) aten._sparse_semi_structured_linear",
    "(input weight packed col_offsets weight_scale weight_zero_point bias) aten.fbgemm_linear_int8_weight "
    "aten.fbgemm_linear_int8_weight_fp32_activation",
    "(input weight scale) aten._mixed_dtypes_linear",
    "(input weight weight_scales weight_zero_points) quantized_decomposed.mixed_mm",
    "(input weight weight_scales weight_zero_points dtype) quantized_decomposed.mixed_linear",
    "(input weight weight_stride0 hx cx mode hidden_size num_layers batch_first dropout train bidirectional "
    "batch_sizes dropout_state) aten.miopen_rnn",
    "(input weight weight_stride0 weight_buf hx cx mode hidden_size proj_size num_layers batch_first dropout train "
    "bidirectional batch_sizes dropout_state) aten._cudnn_rnn",
    "(input weight weight_stride0 weight_buf hx cx output grad_output grad_hy grad_cy mode hidden_size num_layers "
    "batch_first dropout train bidirectional batch_sizes dropout_state reserve output_mask) aten.miopen_rnn_backward",
    "(input weight weight_stride0 weight_buf hx cx output grad_output grad_hy grad_cy mode hidden_size proj_size "
    "num_layers batch_first dropout train bidirectional batch_sizes dropout_state reserve output_mask) "
    "aten._cudnn_rnn_backward",
    "(input weight0 weight1 weight2 weight3 hx_ cx_ reverse batch_sizes mode hidden_size num_layers has_biases "
    "bidirectional batch_first train) aten.mkldnn_rnn_layer",
    "(input weight1 weight2 weight3 weight4 hx_ cx_tmp output hy_ cy_ grad_output grad_hy grad_cy reverse mode "
    "hidden_size num_layers has_biases train bidirectional batch_sizes batch_first workspace) "
    "aten.mkldnn_rnn_layer_backward",
    "(input1 input2 target margin reduction) aten.cosine_embedding_loss aten.margin_ranking_loss",
    "(input1 input2 weight bias) aten.bilinear",
    "(input_gates hidden_gates cx input_bias hidden_bias) aten._thnn_fused_lstm_cell",
    "(input_gates hidden_gates hx input_bias hidden_bias) aten._thnn_fused_gru_cell",
    "(input_size grad_output weight) aten.mkldnn_linear_backward_input",
    "(is_crow compressed_idx plain_idx cdim dim nnz) aten._validate_compressed_sparse_indices",
    "(key data) aten._philox_key_fold_in aten._philox_key_fold_in.Tensor",
    "(key num_splits) aten._philox_key_split",
    "(like dim) aten._dim_arange",
    "(list dtype layout device pin_memory) aten._nested_tensor_from_tensor_list",
    "(log_probs targets input_lengths target_lengths blank) aten._use_cudnn_ctc_loss aten._use_cudnn_ctc_loss.Tensor "
    "aten._use_miopen_ctc_loss aten._use_miopen_ctc_loss.Tensor",
    "(log_probs targets input_lengths target_lengths blank deterministic zero_infinity) aten._cudnn_ctc_loss "
    "aten._cudnn_ctc_loss.Tensor aten.miopen_ctc_loss aten.miopen_ctc_loss.Tensor",
    "(log_probs targets input_lengths target_lengths blank reduction zero_infinity) aten.ctc_loss.IntList "
    "aten.ctc_loss.Tensor",
    "(log_probs targets input_lengths target_lengths blank zero_infinity) aten._ctc_loss aten._ctc_loss.Tensor",
    "(low high size) aten.randint.low aten.randint.low_generator",
    "(mat1 mat1_meta mat2) aten._sparse_semi_structured_mm",
    "(mat1 mat2) aten.hspmm",
    "(mat1 mat2 mat1_is_swizzled mat2_is_swizzled) torchao.swizzle_mm",
    "(mat1 mat2 mat1_is_swizzled mat2_is_swizzled scale_a scale_b bias scale_result out_dtype) "
    "torchao.swizzle_scaled_mm",
    "(matrices) aten.chain_matmul",
    "(mean std) aten.normal.Tensor_Tensor aten.normal.Tensor_float aten.normal.float_Tensor",
    "(mean std size) aten.normal.float_float",
    "(n) aten.eye aten.randperm aten.randperm.generator",
    "(n d) aten.fft_fftfreq aten.fft_rfftfreq",
    "(n m) aten.eye.m",
    "(n self) aten.polygamma aten.special_polygamma",
    "(nested_size) aten._nested_compute_contiguous_strides_offsets",
    "(nnz dense_dim size blocksize index_dtype) aten._sparse_compressed_tensor_with_dims",
    "(padded cpu_nested_shape_example fuse_transform_0213) aten._nested_from_padded",
    "(padded nt_example) aten._nested_from_padded_and_nested_example",
    "(padded offsets dummy ragged_idx min_seqlen max_seqlen sum_S) aten._nested_from_padded_tensor",
    "(primal tangent level) aten._make_dual aten._make_dual_copy",
    "(q k v dropout_p) aten._triton_scaled_dot_attention",
    "(qa a_scale a_zero_point a_quant_min a_quant_max a_dtype b out_scale out_zero_point out_quant_min out_quant_max "
    "out_dtype) quantized_decomposed.add.scalar",
    "(qkv qkv_bias num_heads) aten._transform_bias_rescale_qkv",
    "(quasi n sobolstate dimension num_generated dtype) aten._sobol_engine_draw",
    "(query key value attn_bias compute_log_sumexp dropout_p is_causal) aten._scaled_dot_product_efficient_attention",
    "(query key value attn_bias compute_log_sumexp dropout_p is_causal return_debug_mask) "
    "aten._scaled_dot_product_cudnn_attention",
    "(query key value attn_bias cum_seq_q cum_seq_k max_q max_k compute_log_sumexp dropout_p is_causal "
    "return_debug_mask) aten._cudnn_attention_forward",
    "(query key value attn_bias dropout_p is_causal return_debug_mask) "
    "aten._scaled_dot_product_fused_attention_overrideable",
    "(query key value attn_mask dropout_p is_causal) aten._fused_sdp_choice aten.scaled_dot_product_attention",
    "(query key value attn_mask dropout_p is_causal dropout_mask) aten._scaled_dot_product_attention_math "
    "aten._scaled_dot_product_attention_math_for_mps",
    "(query key value attn_mask dropout_p is_causal scale q_scale q_zp k_scale k_zp v_scale v_zp a_scale a_zp o_scale "
    "o_zp) torchao.qscaled_dot_product",
    "(query key value bias cu_seqlens_q cu_seqlens_k max_seqlen_q max_seqlen_k dropout_p custom_mask_type "
    "compute_log_sumexp) aten._efficient_attention_forward",
    "(query key value cum_seq_q cum_seq_k max_q max_k dropout_p is_causal return_debug_mask) "
    "aten._flash_attention_forward",
    "(query key value cum_seq_q cum_seq_k max_q max_k dropout_p is_causal return_debug_mask q_descale k_descale "
    "v_descale) aten._flash_attention_forward.quantized",
    "(query key value dropout_p is_causal) aten._scaled_dot_product_flash_attention_for_cpu",
    "(query key value dropout_p is_causal return_debug_mask) aten._scaled_dot_product_flash_attention",
    "(query key value embed_dim num_head qkv_weight qkv_bias proj_weight proj_bias mask) "
    "aten._triton_multi_head_attention",
    "(query key value embed_dim num_head qkv_weight qkv_bias proj_weight proj_bias mask need_weights "
    "average_attn_weights mask_type) aten._native_multi_head_attention",
    "(query key value q_descale k_descale v_descale dropout_p is_causal return_debug_mask) "
    "aten._scaled_dot_product_flash_attention.quantized",
    "(qweight indices offsets weight_scale o_scale mode include_last_offset output_dtype) "
    "torchao._scaled_embedding_bag",
    "(real imag) aten.complex",
    "(repeats) aten.repeat_interleave.Tensor",
    "(row col offset) aten.tril_indices aten.triu_indices",
    "(s) aten._print aten.scalar_tensor",
    "(scalar tensor) aten.result_type.Scalar_Tensor",
    "(scalar1 scalar2) aten.result_type.Scalar_Scalar",
    "(self) aten._aminmax aten._assert_async aten._coalesce aten._conj aten._conj_copy aten._conj_physical "
    "aten._debug_has_internal_overlap aten._dimI aten._dimV aten._foreach_abs aten._foreach_acos aten._foreach_asin "
    "aten._foreach_atan aten._foreach_ceil aten._foreach_clone aten._foreach_cos aten._foreach_cosh aten._foreach_erf "
    "aten._foreach_erfc aten._foreach_exp aten._foreach_expm1 aten._foreach_floor aten._foreach_frac "
    "aten._foreach_lgamma aten._foreach_log aten._foreach_log10 aten._foreach_log1p aten._foreach_log2 "
    "aten._foreach_max aten._foreach_neg aten._foreach_reciprocal aten._foreach_round aten._foreach_rsqrt "
    "aten._foreach_sigmoid aten._foreach_sign aten._foreach_sin aten._foreach_sinh aten._foreach_sqrt "
    "aten._foreach_tan aten._foreach_tanh aten._foreach_trunc aten._foreach_zero aten._indices aten._indices_copy "
    "aten._is_all_true aten._is_any_true aten._is_zerotensor aten._lazy_clone aten._linalg_eigvals "
    "aten._local_scalar_dense aten._neg_view aten._neg_view_copy aten._nested_get_lengths aten._nested_get_max_seqlen "
    "aten._nested_get_min_seqlen aten._nested_get_offsets aten._nested_get_ragged_idx aten._nested_get_values "
    "aten._nested_get_values_copy aten._nested_tensor_size aten._nested_tensor_storage_offsets "
    "aten._nested_tensor_strides aten._nnz aten._shape_as_tensor aten._sparse_sum aten._sparse_sum.dtype "
    "aten._test_autograd_multiple_dispatch.fullcoverage aten._test_autograd_multiple_dispatch_view "
    "aten._test_autograd_multiple_dispatch_view_copy aten._test_check_tensor aten._test_warn_in_autograd "
    "aten._to_copy aten._to_sparse aten._values aten._values_copy aten._version aten.abs aten.absolute aten.acos "
    "aten.acosh aten.adjoint aten.alias aten.alias_copy aten.all aten.aminmax aten.angle aten.any aten.arccos "
    "aten.arccosh aten.arcsin aten.arcsinh aten.arctan aten.arctanh aten.argsort.stable aten.argwhere aten.asin "
    "aten.asinh aten.atan aten.atanh aten.atleast_1d",
    "(self) aten.atleast_2d aten.atleast_3d aten.bernoulli aten.bitwise_not aten.ccol_indices aten.ccol_indices_copy "
    "aten.ceil aten.chalf aten.clone aten.coalesce aten.col_indices aten.col_indices_copy aten.conj "
    "aten.conj_physical aten.contiguous aten.corrcoef aten.cos aten.cosh aten.cov aten.crow_indices "
    "aten.crow_indices_copy aten.cudnn_is_acceptable aten.data aten.deg2rad aten.dense_dim aten.dequantize.self "
    "aten.det aten.detach aten.detach_copy aten.digamma aten.dim aten.empty_like aten.erf aten.erfc aten.erfinv "
    "aten.exp aten.exp2 aten.expm1 aten.fix aten.fliplr aten.flipud aten.floor aten.frac aten.frexp.Tensor aten.gelu "
    "aten.geqrf aten.get_device aten.gradient.array aten.gradient.scalararray aten.gradient.scalarint "
    "aten.gradient.scalarrayarray aten.gradient.scalarrayint aten.gradient.tensorarray aten.gradient.tensorarrayint "
    "aten.hardsigmoid aten.hardswish aten.i0 aten.imag aten.indices aten.indices_copy aten.int_repr aten.inverse "
    "aten.is_coalesced aten.is_complex aten.is_conj aten.is_contiguous aten.is_distributed aten.is_floating_point "
    "aten.is_inference aten.is_leaf aten.is_neg aten.is_nonzero aten.is_signed aten.isfinite aten.isinf aten.isnan "
    "aten.isneginf aten.isposinf aten.isreal aten.item aten.lgamma aten.lift aten.lift_fresh aten.lift_fresh_copy "
    "aten.linalg_cholesky aten.linalg_cholesky_ex aten.linalg_eig aten.linalg_eigvals aten.linalg_ldl_factor "
    "aten.linalg_ldl_factor_ex aten.linalg_matrix_exp aten.linalg_matrix_rank.atol_rtol_float "
    "aten.linalg_matrix_sqrth aten.linalg_pinv.atol_rtol_float aten.linalg_pinv.atol_rtol_tensor aten.log aten.log10 "
    "aten.log1p aten.log2 aten.log_sigmoid",
    "(self) aten.log_sigmoid_forward aten.logdet aten.logical_not aten.mH aten.mT aten.matrix_H aten.matrix_exp "
    "aten.max aten.mean aten.median aten.min aten.mish aten.msort aten.nanmedian aten.neg aten.negative aten.nonzero "
    "aten.nonzero_numpy aten.nonzero_static aten.numel aten.numpy_T aten.ones_like aten.output_nr aten.positive "
    "aten.prod aten.q_per_channel_axis aten.q_per_channel_scales aten.q_per_channel_zero_points aten.q_scale "
    "aten.q_zero_point aten.qscheme aten.rad2deg aten.rand_like aten.rand_like.generator aten.randn_like "
    "aten.randn_like.generator aten.random aten.ravel aten.real aten.reciprocal aten.relu aten.relu6 "
    "aten.resolve_conj aten.resolve_neg aten.retains_grad aten.round aten.round.decimals aten.row_indices "
    "aten.row_indices_copy aten.rsqrt aten.selu aten.set aten.sgn aten.sigmoid aten.sign aten.signbit aten.silu "
    "aten.sin aten.sinc aten.sinh aten.slogdet aten.sort.stable aten.sparse_dim aten.special_bessel_j0 "
    "aten.special_bessel_j1 aten.special_bessel_y0 aten.special_bessel_y1 aten.special_digamma aten.special_entr "
    "aten.special_erf aten.special_erfc aten.special_erfcx aten.special_erfinv aten.special_exp2 aten.special_expit "
    "aten.special_expm1 aten.special_gammaln aten.special_i0 aten.special_i0e aten.special_i1 aten.special_i1e "
    "aten.special_log1p aten.special_log_ndtr aten.special_modified_bessel_i0 aten.special_modified_bessel_i1 "
    "aten.special_modified_bessel_k0 aten.special_modified_bessel_k1 aten.special_ndtr aten.special_ndtri "
    "aten.special_psi aten.special_round aten.special_sinc aten.sqrt aten.square aten.squeeze aten.squeeze_copy "
    "aten.storage_offset aten.sum aten.sym_numel aten.sym_storage_offset",
    "(self) aten.t aten.t_copy aten.tan aten.tanh aten.to.dtype_layout aten.to_sparse aten.trace aten.trunc "
    "aten.values aten.values_copy aten.view_as_complex aten.view_as_complex_copy aten.view_as_real "
    "aten.view_as_real_copy aten.zero aten.zeros_like dim_order_ops._clone_dim_order dim_order_ops._to_dim_order_copy",
    "(self A upper) aten._cholesky_solve_helper",
    "(self A upper transpose unitriangular) aten.triangular_solve",
    "(self B) aten.linalg_solve_triangular",
    "(self LU_data LU_pivots) aten.lu_solve",
    "(self UPLO) aten.linalg_eigh aten.linalg_eigvalsh",
    "(self alpha) aten.celu",
    "(self alpha scale input_scale) aten.elu",
    "(self arg1 arg2) aten._foobar",
    "(self assert_msg) aten._assert_async.msg aten._assert_scalar",
    "(self assert_msg dep_token) aten._functional_assert_async.msg aten._functional_assert_scalar",
    "(self axis0 axis1) aten.swapaxes",
    "(self b) aten._test_autograd_multiple_dispatch.ntonly",
    "(self b rcond) aten.linalg_lstsq",
    "(self batch1 batch2) aten.addbmm aten.baddbmm",
    "(self batch1 batch2 out_dtype) aten.baddbmm.dtype",
    "(self batch_dim level) aten._add_batch_dim",
    "(self beta threshold) aten.softplus",
    "(self bins) aten._histogramdd_bin_edges aten._histogramdd_from_bin_cts aten._histogramdd_from_bin_tensors "
    "aten.histogram.bin_ct aten.histogram.bins_tensor",
    "(self bins min max) aten.histc",
    "(self bins range weight density) aten.histogramdd aten.histogramdd.TensorList_bins aten.histogramdd.int_bins",
    "(self blocksize dense_dim) aten._to_sparse_bsc aten._to_sparse_bsr aten.to_sparse_bsc aten.to_sparse_bsr",
    "(self boundaries) aten.bucketize.Scalar aten.bucketize.Tensor",
    "(self chunks dim) aten.chunk aten.unsafe_chunk",
    "(self coalesced) aten._coalesced",
    "(self cuda_enabled cpu_enabled) aten._autocast_to_full_precision",
    "(self cuda_enabled cpu_enabled cuda_dtype cpu_dtype) aten._autocast_to_reduced_precision",
    "(self dense_dim) aten._to_sparse_csc aten._to_sparse_csr aten.to_sparse_csc aten.to_sparse_csr",
    "(self device) aten._pin_memory aten.is_pinned aten.pin_memory",
    "(self device dtype non_blocking copy memory_format) aten.to.device",
    "(self diagonal) aten.diag aten.tril aten.triu",
    "(self dim) aten._logcumsumexp aten._sparse_sum.dim aten._sparse_sum.dim_dtype aten.count_nonzero "
    "aten.count_nonzero.dim_IntList aten.cummax aten.cummin aten.cumprod aten.cumsum aten.fft_fftshift "
    "aten.fft_ifftshift aten.glu aten.hash_tensor aten.logcumsumexp aten.size.int aten.special_log_softmax "
    "aten.squeeze.dim aten.squeeze.dims aten.squeeze_copy.dim aten.squeeze_copy.dims aten.std.correction "
    "aten.std_mean.correction aten.stride.int aten.sym_size.int aten.sym_stride.int aten.unbind.int "
    "aten.unbind_copy.int aten.unsqueeze aten.unsqueeze_copy aten.var.correction aten.var_mean.correction",
    "(self dim descending) aten.argsort aten.sort",
    "(self dim dtype) aten._safe_softmax aten._sparse_log_softmax.int aten._sparse_softmax.int aten.log_softmax.int "
    "aten.softmax.int aten.special_softmax",
    "(self dim half_to_float) aten._log_softmax aten._softmax aten._sparse_log_softmax aten._sparse_softmax",
    "(self dim index) aten.gather aten.index_select aten.select.int aten.select_copy.int",
    "(self dim index grad) aten._gather_sparse_backward",
    "(self dim index source) aten.index_add aten.index_copy",
    "(self dim index source reduce) aten.index_reduce",
    "(self dim index src) aten.scatter.reduce aten.scatter.src aten.scatter_add",
    "(self dim index src reduce) aten.scatter_reduce.two",
    "(self dim index value) aten.index_fill.int_Scalar aten.index_fill.int_Tensor aten.scatter.value "
    "aten.scatter.value_reduce",
    "(self dim keepdim) aten._aminmax.dim aten._sparse_csr_prod.dim_dtype aten._sparse_csr_sum.dim_dtype aten.all.dim "
    "aten.all.dims aten.amax aten.amin aten.any.dim aten.any.dims aten.argmax aten.argmin aten.frobenius_norm.dim "
    "aten.logsumexp aten.max.dim aten.mean.dim aten.median.dim aten.min.dim aten.mode aten.nanmean aten.nanmedian.dim "
    "aten.nansum aten.nuclear_norm.dim aten.prod.dim_int aten.special_logsumexp aten.sum.dim_IntList",
    "(self dim normalization forward) aten._fft_c2c",
    "(self dim normalization last_dim_size) aten._fft_c2r",
    "(self dim normalization onesided) aten._fft_r2c",
    "(self dim return_inverse return_counts) aten.unique_dim_consecutive",
    "(self dim sizes) aten.unflatten.int",
    "(self dim sorted return_inverse return_counts) aten.unique_dim",
    "(self dim start end step) aten.slice.Tensor aten.slice_copy.Tensor",
    "(self dim start length) aten.narrow aten.narrow.Tensor aten.narrow_copy",
    "(self dim unbiased keepdim) aten.std.dim aten.std_mean.dim aten.var.dim aten.var_mean.dim",
    "(self dim0 dim1) aten._mkldnn_transpose aten.swapdims aten.transpose.int aten.transpose_copy.int",
    "(self dimension size step) aten.unfold aten.unfold_copy",
    "(self dims) aten.flip aten.permute aten.permute_copy aten.tile",
    "(self downscale_factor) aten.pixel_unshuffle",
    "(self dst) aten._copy_from_and_resize",
    "(self dst non_blocking) aten._copy_from",
    "(self dtype) aten.to_dense aten.to_mkldnn aten.view.dtype aten.view_copy.dtype",
    "(self dtype masked_grad) aten._to_dense",
    "(self dtype non_blocking copy memory_format) aten.to.dtype",
    "(self dtype reduce_range) aten.quantize_per_tensor_dynamic",
    "(self end weight) aten.lerp.Scalar aten.lerp.Tensor",
    "(self eps) aten.logit aten.special_logit",
    "(self exponent) aten._foreach_pow.List aten._foreach_pow.Scalar aten._foreach_pow.ScalarAndTensor "
    "aten._foreach_pow.ScalarList aten.float_power.Scalar aten.float_power.Tensor_Scalar "
    "aten.float_power.Tensor_Tensor aten.pow.Scalar aten.pow.Tensor_Scalar aten.pow.Tensor_Tensor",
    "(self fill_value) aten.full_like",
    "(self found_inf inv_scale) aten._amp_foreach_non_finite_check_and_unscale",
    "(self from) aten._has_compatible_shallow_copy_type",
    "(self from to) aten.random.from aten.uniform",
    "(self generator) aten._sample_dirichlet aten._standard_gamma aten.poisson",
    "(self grad) aten.matrix_exp_backward",
    "(self grad_out weight reduce arg_out output_mask) aten._sparse_mm_reduce_impl_backward",
    "(self grad_output weight output_mask) aten.linear_backward aten.mkldnn_linear_backward",
    "(self grad_output weight padding output_padding stride dilation groups output_mask) "
    "aten.mps_convolution_transpose_backward",
    "(self grad_output weight padding stride dilation groups output_mask) aten.mps_convolution_backward",
    "(self grads exp_avgs exp_avg_sqs max_exp_avg_sqs state_steps) aten._fused_adam aten._fused_adam.tensor_lr "
    "aten._fused_adamw aten._fused_adamw.tensor_lr",
    "(self grads momentum_buffer_list) aten._fused_sgd aten._fused_sgd.tensor_lr",
    "(self grads state_sums state_steps) aten._fused_adagrad aten._fused_adagrad.tensor_lr",
    "(self grid) aten.cudnn_grid_sampler",
    "(self grid grad_output) aten.cudnn_grid_sampler_backward",
    "(self groups) aten.channel_shuffle aten.native_channel_shuffle",
    "(self growth_tracker found_inf scale_growth_factor scale_backoff_factor growth_interval) aten._amp_update_scale",
    "(self high) aten.randint_like aten.randint_like.Tensor aten.randint_like.Tensor_generator "
    "aten.randint_like.generator",
    "(self ind) aten.linalg_tensorinv",
    "(self index) aten.take",
    "(self index source accumulate) aten.put",
    "(self indices) aten._unsafe_index.Tensor aten.dsplit.array aten.hsplit.array aten.index.Tensor aten.vsplit.array",
    "(self indices dim) aten.take_along_dim aten.tensor_split.indices",
    "(self indices max_norm norm_type) aten.embedding_renorm",
    "(self indices output_size) aten.max_unpool2d",
    "(self indices output_size stride padding) aten.max_unpool3d",
    "(self indices values accumulate) aten._unsafe_index_put aten.index_put",
    "(self indices values accumulate unsafe) aten._index_put_impl",
    "(self innerKTiles) aten._convert_weight_to_int4pack aten._convert_weight_to_int4pack_for_cpu",
    "(self input weight bias pad) aten.conv_tbc_backward",
    "(self input2) aten.orgqr",
    "(self input2 input3 left transpose) aten.ormqr",
    "(self input2 upper) aten.cholesky_solve",
    "(self inputs gradient retain_graph create_graph) aten._backward",
    "(self k dim keepdim) aten.kthvalue",
    "(self k dim largest sorted) aten.topk",
    "(self k dims) aten.rot90",
    "(self keepdim) aten.nuclear_norm",
    "(self kernel_size dilation padding stride) aten.im2col",
    "(self kernel_size output_size random_samples) aten.fractional_max_pool2d aten.fractional_max_pool3d",
    "(self kernel_size stride padding ceil_mode count_include_pad) aten.avg_pool1d",
    "(self kernel_size stride padding ceil_mode count_include_pad divisor_override) aten.avg_pool2d aten.avg_pool3d",
    "(self kernel_size stride padding dilation ceil_mode) aten.max_pool1d aten.max_pool1d_with_indices "
    "aten.max_pool2d aten.max_pool2d_with_indices aten.max_pool3d aten.max_pool3d_with_indices aten.mkldnn_max_pool2d "
    "aten.mkldnn_max_pool3d aten.quantized_max_pool1d aten.quantized_max_pool2d aten.quantized_max_pool3d",
    "(self key low high) aten._philox_randint aten._philox_uniform",
    "(self key mean std) aten._philox_normal",
    "(self lambd) aten.exponential aten.hardshrink aten.softshrink",
    "(self level) aten._fw_primal aten._fw_primal_copy",
    "(self level batch_size out_dim) aten._remove_batch_dim",
    "(self low high) aten.randint_like.low_dtype aten.randint_like.low_generator_dtype",
    "(self lower upper training generator) aten.rrelu",
    "(self mask) aten.masked_select aten.sparse_mask",
    "(self mask accumulate_matches) aten._sparse_mask_projection",
    "(self mask dim mask_type) aten._masked_softmax",
    "(self mask indices fill) aten._unsafe_masked_index",
    "(self mask indices values) aten._unsafe_masked_index_put_accumulate",
    "(self mask scale) aten._masked_scale",
    "(self mask source) aten.masked_scatter",
    "(self mask value) aten.masked_fill.Scalar aten.masked_fill.Tensor",
    "(self mat vec) aten.addmv",
    "(self mat1 mat2) aten._addmm_activation aten._sparse_addmm aten.addmm aten.sparse_sampled_addmm aten.sspaddmm",
    "(self mat1 mat2 out_dtype) aten.addmm.dtype",
    "(self mat1 mat2 scale_a recipe_a swizzle_a scale_b recipe_b swizzle_b contraction_dim) aten._scaled_addmm",
    "(self mat2) aten._foreach_mm aten._int_mm aten.bmm aten.mm aten.smm",
    "(self mat2 offs bias out_dtype) aten._grouped_mm",
    "(self mat2 out_dtype) aten.bmm.dtype aten.mm.dtype",
    "(self mat2 qGroupSize qScale qZeros) aten._weight_int4pack_mm_with_scales_and_zeros",
    "(self mat2 qGroupSize qScaleAndZeros) aten._weight_int4pack_mm aten._weight_int4pack_mm_for_cpu",
    "(self mat2 scale_a recipe_a swizzle_a scale_b recipe_b swizzle_b bias out_dtype contraction_dim use_fast_accum) "
    "aten._scaled_mm_v2",
    "(self mat2 scale_a recipe_a swizzle_a scale_b recipe_b swizzle_b offs bias out_dtype contraction_dim "
    "use_fast_accum) aten._scaled_grouped_mm_v2",
    "(self mat2 scale_a scale_b bias scale_result out_dtype use_fast_accum) aten._scaled_mm",
    "(self mat2 scale_a scale_b offs bias scale_result out_dtype use_fast_accum) aten._scaled_grouped_mm",
    "(self mat2 scales) aten._weight_int8pack_mm",
    "(self max) aten.clamp_max aten.clamp_max.Tensor",
    "(self mean std) aten.log_normal aten.normal_functional",
    "(self median sigma) aten.cauchy",
    "(self memory_format) aten.is_contiguous.memory_format aten.sym_is_contiguous",
    "(self min) aten.clamp_min aten.clamp_min.Tensor",
    "(self min max) aten.clamp aten.clamp.Tensor aten.clip aten.clip.Tensor",
    "(self min_val max_val) aten.hardtanh",
    "(self n) aten.linalg_matrix_power aten.matrix_power",
    "(self n dim norm) aten.fft_fft aten.fft_hfft aten.fft_ifft aten.fft_ihfft aten.fft_irfft aten.fft_rfft",
    "(self n dim prepend append) aten.diff",
    "(self n_fft hop_length win_length window center normalized onesided length return_complex) aten.istft",
    "(self n_fft hop_length win_length window center pad_mode normalized onesided return_complex align_to_window) "
    "aten.stft.center",
    "(self n_fft hop_length win_length window normalized onesided return_complex align_to_window) aten.stft",
    "(self nan posinf neginf) aten.nan_to_num",
    "(self negative_slope) aten.leaky_relu",
    "(self nested_size nested_strides offsets) aten._nested_view_from_buffer aten._nested_view_from_buffer_copy",
    "(self noise lower upper training generator) aten.rrelu_with_noise_functional",
    "(self non_blocking) aten._cast_Byte aten._cast_Char aten._cast_Double aten._cast_Float aten._cast_Half "
    "aten._cast_Int aten._cast_Long aten._cast_Short",
    "(self num_classes) aten.one_hot",
    "(self num_parallel skip_first) aten._test_parallel_materialize",
    "(self num_samples replacement) aten.multinomial",
    "(self observer_on fake_quant_on running_min running_max scale zero_point averaging_const quant_min quant_max "
    "ch_axis per_row_fake_quant symmetric_quant) aten._fused_moving_avg_obs_fq_helper_functional",
    "(self offset) aten.diagflat",
    "(self offset dim1 dim2) aten.diag_embed aten.diagonal aten.diagonal_copy",
    "(self offsets dummy lengths ragged_idx min_seqlen max_seqlen) aten._nested_view_from_jagged "
    "aten._nested_view_from_jagged_copy",
    "(self ord dim keepdim) aten.linalg__powsum aten.linalg_matrix_norm aten.linalg_matrix_norm.str_ord "
    "aten.linalg_norm aten.linalg_norm.ord_str aten.linalg_vector_norm",
    "(self ord dtype) aten._foreach_norm.Scalar aten._foreach_powsum.Scalar",
    "(self other) aten.__and__.Scalar aten.__and__.Tensor aten.__lshift__.Scalar aten.__lshift__.Tensor "
    "aten.__or__.Scalar aten.__or__.Tensor aten.__rshift__.Scalar aten.__rshift__.Tensor aten.__xor__.Scalar "
    "aten.__xor__.Tensor aten._add_relu.Tensor aten._foreach_add.List aten._foreach_add.Tensor "
    "aten._foreach_clamp_max.List aten._foreach_clamp_min.List aten._foreach_div.List aten._foreach_div.Tensor "
    "aten._foreach_maximum.List aten._foreach_minimum.List aten._foreach_mul.List aten._foreach_mul.Tensor "
    "aten._foreach_sub.List aten._has_same_storage_numel aten._new_zeros_with_same_feature_meta "
    "aten._sparse_sparse_matmul aten._test_functorch_fallback aten.add.Tensor aten.arctan2 aten.atan2 "
    "aten.bitwise_and.Scalar aten.bitwise_and.Scalar_Tensor aten.bitwise_and.Tensor "
    "aten.bitwise_left_shift.Scalar_Tensor aten.bitwise_left_shift.Tensor aten.bitwise_left_shift.Tensor_Scalar "
    "aten.bitwise_or.Scalar aten.bitwise_or.Scalar_Tensor aten.bitwise_or.Tensor "
    "aten.bitwise_right_shift.Scalar_Tensor aten.bitwise_right_shift.Tensor aten.bitwise_right_shift.Tensor_Scalar "
    "aten.bitwise_xor.Scalar aten.bitwise_xor.Scalar_Tensor aten.bitwise_xor.Tensor aten.copysign.Scalar "
    "aten.copysign.Tensor aten.div.Scalar aten.div.Scalar_mode aten.div.Tensor aten.div.Tensor_mode "
    "aten.divide.Scalar aten.divide.Scalar_mode aten.divide.Tensor aten.divide.Tensor_mode aten.eq.Scalar "
    "aten.eq.Tensor aten.equal aten.expand_as aten.floor_divide aten.floor_divide.Scalar aten.fmax aten.fmin "
    "aten.fmod.Scalar aten.fmod.Tensor aten.gcd aten.ge.Scalar aten.ge.Tensor aten.greater.Scalar aten.greater.Tensor "
    "aten.greater_equal.Scalar aten.greater_equal.Tensor aten.gt.Scalar aten.gt.Tensor aten.hypot aten.igamma "
    "aten.igammac aten.inner aten.is_same_size aten.kron aten.lcm aten.ldexp.Tensor aten.le.Scalar aten.le.Tensor "
    "aten.less.Scalar aten.less.Tensor aten.less_equal.Scalar aten.less_equal.Tensor aten.linalg_cross "
    "aten.linalg_matmul aten.logaddexp aten.logaddexp2 aten.logical_and aten.logical_or aten.logical_xor "
    "aten.lt.Scalar aten.lt.Tensor aten.matmul aten.max.other aten.maximum aten.min.other",
    "(self other) aten.minimum aten.mul.Scalar aten.mul.Tensor aten.multiply.Scalar aten.multiply.Tensor "
    "aten.ne.Scalar aten.ne.Tensor aten.nextafter aten.not_equal.Scalar aten.not_equal.Tensor aten.remainder.Scalar "
    "aten.remainder.Scalar_Tensor aten.remainder.Tensor aten.reshape_as aten.rsub.Tensor aten.special_gammainc "
    "aten.special_gammaincc aten.special_xlog1py aten.special_xlog1py.other_scalar aten.special_xlog1py.self_scalar "
    "aten.special_xlogy aten.special_xlogy.other_scalar aten.special_xlogy.self_scalar aten.special_zeta "
    "aten.special_zeta.other_scalar aten.special_zeta.self_scalar aten.sub.Tensor aten.subtract.Tensor "
    "aten.true_divide.Scalar aten.true_divide.Tensor aten.type_as aten.vdot aten.view_as aten.xlogy.Scalar_Other "
    "aten.xlogy.Scalar_Self aten.xlogy.Tensor",
    "(self other alpha) aten._add_relu.Scalar aten._test_serialization_subcmul aten.add.Scalar aten.rsub.Scalar "
    "aten.sub.Scalar aten.subtract.Scalar",
    "(self other dim) aten.cross",
    "(self other dims) aten.linalg_tensorsolve",
    "(self other dims_self dims_other) aten.tensordot",
    "(self other non_blocking copy memory_format) aten.to.other",
    "(self other p) aten.dist",
    "(self other reduce) aten._sparse_mm_reduce_impl",
    "(self other rtol atol equal_nan) aten.allclose aten.isclose",
    "(self output) aten._standard_gamma_grad",
    "(self output_size) aten._adaptive_avg_pool2d aten._adaptive_avg_pool3d aten.adaptive_avg_pool1d "
    "aten.adaptive_avg_pool2d aten.adaptive_avg_pool3d aten.adaptive_max_pool1d aten.adaptive_max_pool2d "
    "aten.adaptive_max_pool3d aten.mkldnn_adaptive_avg_pool2d",
    "(self output_size align_corners scales) aten.upsample_linear1d",
    "(self output_size align_corners scales_d scales_h scales_w) aten.upsample_trilinear3d",
    "(self output_size align_corners scales_h scales_w) aten._upsample_bicubic2d_aa aten._upsample_bilinear2d_aa "
    "aten._upsample_lanczos2d_aa aten.upsample_bicubic2d aten.upsample_bilinear2d",
    "(self output_size kernel_size dilation padding stride) aten.col2im",
    "(self output_size scales) aten._upsample_nearest_exact1d aten.upsample_nearest1d",
    "(self output_size scales_d scales_h scales_w) aten._upsample_nearest_exact3d aten.upsample_nearest3d",
    "(self output_size scales_h scales_w) aten._upsample_nearest_exact2d aten.upsample_nearest2d",
    "(self p) aten._pdist_forward aten.bernoulli.Tensor aten.bernoulli.p aten.geometric aten.linalg_cond "
    "aten.linalg_cond.p_str aten.mvlgamma aten.native_norm aten.norm.Scalar aten.norm.ScalarOpt_dtype aten.pdist "
    "aten.special_multigammaln",
    "(self p dim keepdim) aten.norm.ScalarOpt_dim aten.norm.ScalarOpt_dim_dtype",
    "(self p dim keepdim dtype) aten.native_norm.ScalarOpt_dim_dtype",
    "(self p dim maxnorm) aten.renorm",
    "(self p generator) aten._fused_dropout",
    "(self pad) aten._pad_circular",
    "(self pad mode value) aten._pad_enum aten.pad",
    "(self pad value) aten.constant_pad_nd",
    "(self padding) aten.reflection_pad1d aten.reflection_pad2d aten.reflection_pad3d aten.replication_pad1d "
    "aten.replication_pad2d aten.replication_pad3d",
    "(self padding output_size) aten.nested_to_padded_tensor aten.to_padded_tensor",
    "(self padding stride dilation groups input_size) aten.mkldnn_reorder_conv2d_weight "
    "aten.mkldnn_reorder_conv3d_weight",
    "(self pivot check_errors) aten._lu_with_info",
    "(self q dim keepdim) aten.nanquantile aten.nanquantile.scalar aten.quantile aten.quantile.scalar",
    "(self query) aten._nested_tensor_softmax_with_shape",
    "(self r with_replacement) aten.combinations",
    "(self rcond) aten.pinverse",
    "(self rcond hermitian) aten.linalg_pinv aten.linalg_pinv.rcond_tensor",
    "(self reduce_range) aten._choose_qparams_per_tensor",
    "(self repeats) aten.repeat",
    "(self repeats dim) aten.repeat_interleave.self_Tensor aten.repeat_interleave.self_int",
    "(self return_inverse return_counts dim) aten.unique_consecutive",
    "(self s dim norm) aten.fft_fft2 aten.fft_fftn aten.fft_hfft2 aten.fft_hfftn aten.fft_ifft2 aten.fft_ifftn "
    "aten.fft_ihfft2 aten.fft_ihfftn aten.fft_irfft2 aten.fft_irfftn aten.fft_rfft2 aten.fft_rfftn",
    "(self scalar) aten._foreach_add.Scalar aten._foreach_clamp_max.Scalar aten._foreach_clamp_min.Scalar "
    "aten._foreach_div.Scalar aten._foreach_maximum.Scalar aten._foreach_minimum.Scalar aten._foreach_mul.Scalar "
    "aten._foreach_sub.Scalar",
    "(self scalars) aten._foreach_add.ScalarList aten._foreach_clamp_max.ScalarList "
    "aten._foreach_clamp_min.ScalarList aten._foreach_div.ScalarList aten._foreach_maximum.ScalarList "
    "aten._foreach_minimum.ScalarList aten._foreach_mul.ScalarList aten._foreach_sub.ScalarList",
    "(self scale zero_point) aten._make_per_tensor_quantized_tensor",
    "(self scale zero_point axis) aten._make_per_channel_quantized_tensor",
    "(self scale zero_point axis quant_min quant_max) aten.fake_quantize_per_channel_affine "
    "aten.fake_quantize_per_channel_affine_cachemask",
    "(self scale zero_point axis quant_min quant_max grad_factor) aten._fake_quantize_learnable_per_channel_affine",
    "(self scale zero_point dtype) aten.quantize_per_tensor aten.quantize_per_tensor.tensor_qparams",
    "(self scale zero_point fake_quant_enabled quant_min quant_max) "
    "aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
    "(self scale zero_point quant_min quant_max) aten.fake_quantize_per_tensor_affine "
    "aten.fake_quantize_per_tensor_affine.tensor_qparams aten.fake_quantize_per_tensor_affine_cachemask",
    "(self scale zero_point quant_min quant_max grad_factor) aten._fake_quantize_learnable_per_tensor_affine",
    "(self scales zero_points axis dtype) aten.quantize_per_channel",
    "(self sections) aten.dsplit.int aten.hsplit.int aten.vsplit.int",
    "(self sections dim) aten.tensor_split.sections",
    "(self shape) aten._mkldnn_reshape aten._reshape_from_tensor aten.reshape",
    "(self shifts dims) aten.roll",
    "(self size) aten._convert_indices_from_coo_to_csr aten._reshape_copy aten._sparse_broadcast_to "
    "aten._sparse_broadcast_to_copy aten._unsafe_view aten.broadcast_to aten.expand aten.expand_copy aten.new_empty "
    "aten.new_ones aten.new_zeros aten.resize aten.sum_to_size aten.view aten.view_copy",
    "(self size device) aten._resize_output",
    "(self size fill_value) aten.new_full",
    "(self size sparse_dim dense_dim) aten.sparse_resize aten.sparse_resize_and_clear",
    "(self size stride) aten._reshape_alias aten._reshape_alias_copy aten.new_empty_strided",
    "(self size stride storage_offset) aten.as_strided aten.as_strided_copy",
    "(self some compute_uv) aten.svd",
    "(self sorted return_inverse) aten._unique",
    "(self sorted return_inverse return_counts) aten._unique2",
    "(self source) aten.set.source_Storage aten.set.source_Tensor",
    "(self source destination) aten.moveaxis.int aten.moveaxis.intlist aten.movedim.int aten.movedim.intlist",
    "(self source storage_offset size stride) aten.set.source_Storage_storage_offset",
    "(self sparse_dim) aten._to_sparse.sparse_dim aten.to_sparse.sparse_dim",
    "(self split_size dim) aten.split.Tensor aten.split.sizes aten.split_copy.Tensor aten.unsafe_split.Tensor",
    "(self split_sizes dim) aten.split_with_sizes aten.split_with_sizes_copy aten.unsafe_split_with_sizes",
    "(self src dim index) aten.select_scatter",
    "(self src dim start end step) aten.slice_inverse aten.slice_scatter",
    "(self src non_blocking) aten._foreach_copy aten.copy aten.copy_sparse_to_sparse",
    "(self src offset dim1 dim2) aten.diagonal_scatter",
    "(self src size stride storage_offset) aten.as_strided_scatter",
    "(self start_dim end_dim) aten.flatten.using_ints",
    "(self target margin reduction) aten.hinge_embedding_loss",
    "(self target p margin weight reduction) aten.multi_margin_loss",
    "(self target reduction) aten.kl_div aten.l1_loss aten.mse_loss aten.multilabel_margin_loss "
    "aten.multilabel_margin_loss_forward aten.soft_margin_loss",
    "(self target reduction beta) aten.smooth_l1_loss",
    "(self target reduction delta) aten.huber_loss",
    "(self target weight pos_weight reduction) aten.binary_cross_entropy_with_logits",
    "(self target weight reduction) aten.binary_cross_entropy",
    "(self target weight reduction ignore_index) aten.nll_loss aten.nll_loss2d aten.nll_loss2d_forward "
    "aten.nll_loss_forward aten.nll_loss_nd",
    "(self target weight reduction ignore_index label_smoothing) aten.cross_entropy_loss",
    "(self tensor) aten.dot aten.is_set_to",
    "(self tensor1 tensor2) aten.addcdiv aten.addcmul",
    "(self tensor1 tensor2 scalars) aten._foreach_addcdiv.ScalarList aten._foreach_addcdiv.Tensor "
    "aten._foreach_addcmul.ScalarList aten._foreach_addcmul.Tensor",
    "(self tensor1 tensor2 value) aten._foreach_addcdiv.Scalar aten._foreach_addcmul.Scalar",
    "(self tensor_indices_or_sections dim) aten.tensor_split.tensor_indices_or_sections",
    "(self tensors1 weight) aten._foreach_lerp.Scalar aten._foreach_lerp.ScalarList",
    "(self tensors1 weights) aten._foreach_lerp.List",
    "(self the_template) aten.resize_as aten.resize_as_sparse",
    "(self threshold value) aten.threshold",
    "(self to) aten.random.to",
    "(self tol hermitian) aten.linalg_matrix_rank",
    "(self unbiased) aten.std aten.std_mean aten.var aten.var_mean",
    "(self upper) aten.cholesky_inverse",
    "(self upscale_factor) aten.pixel_shuffle",
    "(self value) aten.fill.Scalar aten.fill.Tensor",
    "(self values) aten.heaviside",
    "(self vec) aten.mv",
    "(self vec1 vec2) aten.addr",
    "(self vec2) aten.ger aten.outer",
    "(self weight) aten._prelu_kernel aten.prelu",
    "(self weight bias) aten.mkldnn_linear",
    "(self weight bias pad) aten.conv_tbc",
    "(self weight bias padding output_padding stride dilation groups benchmark deterministic) "
    "aten.miopen_convolution_transpose",
    "(self weight bias padding stride dilation groups) aten._mps_convolution aten.mkldnn_convolution",
    "(self weight bias padding stride dilation groups benchmark deterministic) aten.miopen_convolution "
    "aten.miopen_depthwise_convolution",
    "(self weight bias stride padding dilation groups) aten.cudnn_convolution_relu aten.miopen_convolution_relu",
    "(self weight kernel_size bias stride padding) aten._slow_conv2d_forward aten.slow_conv3d "
    "aten.slow_conv3d_forward aten.thnn_conv2d",
    "(self weight kernel_size bias stride padding dilation) aten._conv_depthwise2d aten.conv_depthwise3d "
    "aten.slow_conv_dilated2d aten.slow_conv_dilated3d",
    "(self weight kernel_size bias stride padding output_padding dilation) aten.slow_conv_transpose2d "
    "aten.slow_conv_transpose3d",
    "(self weight padding output_padding stride dilation groups) aten._mps_convolution_transpose",
    "(self weight padding output_padding stride dilation groups benchmark deterministic allow_tf32) "
    "aten.cudnn_convolution_transpose",
    "(self weight padding stride dilation groups benchmark deterministic allow_tf32) aten.cudnn_convolution",
    "(self weight z alpha bias stride padding dilation groups) aten.cudnn_convolution_add_relu "
    "aten.miopen_convolution_add_relu",
    "(self weights minlength) aten.bincount",
    "(sequences batch_first padding_value padding_side) aten.pad_sequence",
    "(size) aten._efficientzerotensor aten._empty_affine_quantized aten._empty_per_channel_affine_quantized "
    "aten.empty.memory_format aten.ones aten.rand aten.rand.generator aten.randn aten.randn.generator "
    "aten.sparse_coo_tensor.size aten.sym_constrain_range aten.sym_constrain_range_for_size aten.zeros "
    "dim_order_ops._empty_dim_order",
    "(size fill_value) aten.full",
    "(size min max dep_token) aten._functional_sym_constrain_range aten._functional_sym_constrain_range_for_size",
    "(size physical_layout) aten.empty_permuted",
    "(size qtensor) aten.empty_quantized",
    "(size stride) aten.empty_strided",
    "(sorted_sequence self) aten.searchsorted.Scalar aten.searchsorted.Tensor",
    "(sparse dense) aten._sparse_mm",
    "(sparse dense reduce) aten._sparse_mm.reduce",
    "(sparse_dim dense_dim size) aten._sparse_coo_tensor_with_dims",
    "(sparse_dim dense_dim size indices values) aten._sparse_coo_tensor_with_dims_and_tensors",
    "(src embed_dim num_heads qkv_weight qkv_bias proj_weight proj_bias use_gelu norm_first eps norm_weight_1 "
    "norm_bias_1 norm_weight_2 norm_bias_2 ffn_weight_1 ffn_bias_1 ffn_weight_2 ffn_bias_2 mask mask_type) "
    "aten._transformer_encoder_layer_fwd",
    "(start end) aten.arange.start aten.range",
    "(start end step) aten.arange.start_step aten.range.step",
    "(start end steps) aten.linspace aten.linspace.Scalar_Tensor aten.linspace.Tensor_Scalar "
    "aten.linspace.Tensor_Tensor",
    "(start end steps base) aten.logspace aten.logspace.Scalar_Tensor aten.logspace.Tensor_Scalar "
    "aten.logspace.Tensor_Tensor",
    "(t mask) aten._nested_tensor_from_mask_left_aligned",
    "(t mask mask_check) aten._nested_tensor_from_mask",
    "(tensor block_size float8_dtype scale_dtype hp_value_lb hp_value_ub) torchao.choose_scale_float8",
    "(tensor other) aten.result_type.Scalar aten.result_type.Tensor",
    "(tensor scale float8_dtype) torchao.quantize_affine_float8_non_decomposed",
    "(tensor scale output_dtype) torchao.dequantize_affine_float8_non_decomposed",
    "(tensors) aten._to_cpu aten.atleast_1d.Sequence aten.atleast_2d.Sequence aten.atleast_3d.Sequence "
    "aten.block_diag aten.broadcast_tensors aten.cartesian_prod aten.column_stack aten.dequantize.tensors aten.dstack "
    "aten.flatten_dense_tensors aten.hstack aten.linalg_multi_dot aten.meshgrid aten.meshgrid.indexing aten.row_stack "
    "aten.vstack",
    "(tensors dim) aten._stack aten.cat aten.concat aten.concatenate aten.stack",
    "(tensors dim num_chunks) aten._chunk_cat",
    "(tensors scales zero_points dtype) aten.quantize_per_tensor.tensors",
    "(theta N C H W) aten.cudnn_affine_grid_generator",
    "(theta size align_corners) aten.affine_grid_generator",
    "(type1 type2) aten.promote_types",
    "(v g dim) aten._weight_norm aten._weight_norm_interface",
    "(v pow dim) aten.norm_except_dim",
    "(values addends) aten._test_optional_filled_intlist aten._test_optional_floatlist aten._test_optional_intlist",
    "(values offsets max_lengths padding_value) aten._jagged_to_padded_dense_forward",
    "(weight) aten._saturate_weight_to_fp16 torchao.to_sparse_semi_structured_cutlass_sm9x_f8",
    "(weight indices offsets scale_grad_by_freq mode sparse per_sample_weights include_last_offset) "
    "aten.embedding_bag",
    "(weight indices offsets scale_grad_by_freq mode sparse per_sample_weights include_last_offset padding_idx) "
    "aten._embedding_bag aten._embedding_bag_forward_only aten.embedding_bag.padding_idx",
    "(weight indices padding_idx scale_grad_by_freq sparse) aten.embedding",
    "(weight mask compressed_indices_dtype) aten._rowwise_prune",
    "(weight scales) torchao.float8_linear_prepack_cpu",
    "(weight scales qzeros) torchao.da8w4_linear_prepack_cpu",
    "(weight weight_scale weight_zero_point bias) aten._wrapped_linear_prepack",
    "(weight weight_scales weight_zero_points weight_quant_min weight_quant_max indices) "
    "quantized_decomposed.embedding_2bit quantized_decomposed.embedding_2bit.dtype "
    "quantized_decomposed.embedding_4bit quantized_decomposed.embedding_4bit.dtype "
    "quantized_decomposed.embedding_byte quantized_decomposed.embedding_byte.dtype",
    "(weight_arr weight_stride0 input_size mode hidden_size proj_size num_layers batch_first bidirectional) "
    "aten._cudnn_rnn_flatten_weight",
    "(weights scales_zeros bias block_size in_features out_features) aten._dyn_quant_pack_4bit_weight",
    "(window_length) aten.bartlett_window aten.blackman_window aten.hamming_window aten.hann_window "
    "aten.kaiser_window",
    "(window_length periodic) aten.bartlett_window.periodic aten.blackman_window.periodic "
    "aten.hamming_window.periodic aten.hann_window.periodic aten.kaiser_window.periodic",
    "(window_length periodic alpha) aten.hamming_window.periodic_alpha",
    "(window_length periodic alpha beta) aten.hamming_window.periodic_alpha_beta",
    "(window_length periodic beta) aten.kaiser_window.beta",
    "(x) aten.linalg_vander aten.special_airy_ai aten.special_scaled_modified_bessel_k0 "
    "aten.special_scaled_modified_bessel_k1 aten.special_spherical_bessel_j0",
    "(x N increasing) aten.vander",
    "(x alpha total) aten._dirichlet_grad",
    "(x n) aten.special_chebyshev_polynomial_t aten.special_chebyshev_polynomial_t.n_scalar "
    "aten.special_chebyshev_polynomial_t.x_scalar aten.special_chebyshev_polynomial_u "
    "aten.special_chebyshev_polynomial_u.n_scalar aten.special_chebyshev_polynomial_u.x_scalar "
    "aten.special_chebyshev_polynomial_v aten.special_chebyshev_polynomial_v.n_scalar "
    "aten.special_chebyshev_polynomial_v.x_scalar aten.special_chebyshev_polynomial_w "
    "aten.special_chebyshev_polynomial_w.n_scalar aten.special_chebyshev_polynomial_w.x_scalar "
    "aten.special_hermite_polynomial_h aten.special_hermite_polynomial_h.n_scalar "
    "aten.special_hermite_polynomial_h.x_scalar aten.special_hermite_polynomial_he "
    "aten.special_hermite_polynomial_he.n_scalar aten.special_hermite_polynomial_he.x_scalar "
    "aten.special_laguerre_polynomial_l aten.special_laguerre_polynomial_l.n_scalar "
    "aten.special_laguerre_polynomial_l.x_scalar aten.special_legendre_polynomial_p "
    "aten.special_legendre_polynomial_p.n_scalar aten.special_legendre_polynomial_p.x_scalar "
    "aten.special_shifted_chebyshev_polynomial_t aten.special_shifted_chebyshev_polynomial_t.n_scalar "
    "aten.special_shifted_chebyshev_polynomial_t.x_scalar aten.special_shifted_chebyshev_polynomial_u "
    "aten.special_shifted_chebyshev_polynomial_u.n_scalar aten.special_shifted_chebyshev_polynomial_u.x_scalar "
    "aten.special_shifted_chebyshev_polynomial_v aten.special_shifted_chebyshev_polynomial_v.n_scalar "
    "aten.special_shifted_chebyshev_polynomial_v.x_scalar aten.special_shifted_chebyshev_polynomial_w "
    "aten.special_shifted_chebyshev_polynomial_w.n_scalar aten.special_shifted_chebyshev_polynomial_w.x_scalar",
    "(x y) aten.linalg_vecdot",
    "(x1 x2) aten._euclidean_dist",
    "(x1 x2 dim eps) aten.cosine_similarity",
    "(x1 x2 p compute_mode) aten._cdist_forward aten.cdist",
    "(x1 x2 p eps keepdim) aten.pairwise_distance",
    "(y) aten.cumulative_trapezoid.dx aten.trapezoid.dx aten.trapz.dx",
    "(y x) aten.cumulative_trapezoid.x aten.trapezoid.x aten.trapz.x",
    NULL,
};
